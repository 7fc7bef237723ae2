"""A process that dies, or whose disk refuses, at any call that changes a file."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from faults import kills, trace
from faults.conftest import Scale

pytestmark = pytest.mark.faults

BY_SQLITE = ("fdatasync", "/engine")
"""SQLite syncs the directory of its log once more, and ignores a failure: the engine has synced it
by itself before it answers anybody, and no name in it changes after that."""


async def test_no_call_that_kills_or_fails_loses_or_halves_anything(
    template: Path, shim: Path, tmp_path: Path, scale: Scale
) -> None:
    met, wrong = Counter[str](), list[str]()
    seeds = (0, 1) if scale.full else (0,)
    for seed in seeds:
        with kills.bench(template, tmp_path, shim) as bench:
            points = bench.points(seed, scale.operations)
            if not scale.full:
                points = random.Random(scale.seed).sample(points, scale.points)
            for point in points:
                outcome = await bench.meet(point, scale.operations)
                met[point.mode] += 1
                wrong += [f"{point}: {one}" for one in outcome.wrong]
    print(f"{met.total()} points: {dict(met)}")  # noqa: T201 - a figure for docs/reliability.md
    assert set(met) == set(kills.MODES)
    assert wrong == []


async def test_the_process_dies_where_it_is_told_to(
    template: Path, shim: Path, tmp_path: Path, scale: Scale
) -> None:
    with kills.bench(template, tmp_path, shim) as bench:
        points = [p for p in bench.points(0, scale.operations) if p.mode in {"kill", "torn"}]
        outcome = await bench.meet(points[len(points) // 2], scale.operations)
    assert outcome.code == -9
    assert 0 < len(outcome.book.acknowledged) < scale.operations


def test_the_shim_sees_every_call_that_the_kernel_sees(
    template: Path, shim: Path, tmp_path: Path, scale: Scale
) -> None:
    names = tmp_path / "names"
    preloaded = {"LD_PRELOAD": str(shim), "FAULTS_NAMES": str(names)}
    seen = trace.traced(template, tmp_path, 0, scale.operations, preloaded=preloaded)
    if seen is None:
        pytest.skip("strace is missing or may not trace here: apt-get install strace")
    kept = Counter(call for call, path in kills.named(names) if not path.endswith(trace.NOT_KEPT))
    kernel = Counter(done.kind for done in seen.done)
    assert kept["write"] + kept["pwrite64"] == kernel[trace.DATA] > 100
    assert kept["fsync"] + kept["fdatasync"] == kernel[trace.SYNC] > 30
    assert kept["rename"] == kernel[trace.RENAME] > 3
    assert kept["ftruncate"] == kernel[trace.TRUNCATE]


async def test_after_a_failed_sync_nothing_is_acknowledged_and_the_engine_ends(
    template: Path, shim: Path, tmp_path: Path, scale: Scale
) -> None:
    with kills.bench(template, tmp_path, shim) as bench:
        syncs = [
            point
            for point in bench.points(0, scale.operations)
            if point.mode == "eio"
            and point.call in {"fsync", "fdatasync"}
            and (point.call, point.path) != BY_SQLITE
        ]
        if len(syncs) > scale.syncs:
            syncs = random.Random(scale.seed).sample(syncs, scale.syncs)
        wrong = [one for point in syncs for one in await bench.fence(point, scale.operations)]
    print(f"{len(syncs)} syncs failed")  # noqa: T201
    assert wrong == []
