"""The harness against planted bugs: it must report each, or it is worthless."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults import book, kills, trace
from faults.check import violations
from faults.conftest import Scale
from faults.kills import Bench
from faults.seeded import BUGS
from faults.states import Enumeration

pytestmark = pytest.mark.faults

STATES_EVERY = 60
BY_POWER_CUT = ("blob without sync", "no directory sync")
BY_SHORT_WRITE = "ignored short write"
BY_KILL = "acknowledged before commit"
BY_FENCE = "retry after a failed sync"
BY_LOG = "leaf dropped"
COUNT = 12
"""Operations enough to reach large objects."""


def test_every_planted_bug_has_its_test() -> None:
    assert set(BUGS) == {*BY_POWER_CUT, BY_SHORT_WRITE, BY_KILL, BY_FENCE, BY_LOG}


@pytest.mark.parametrize("bug", BY_POWER_CUT)
async def test_a_missing_sync_is_caught_by_power_cuts(
    template: Path, tmp_path: Path, scale: Scale, bug: str
) -> None:
    seen = trace.traced(template, tmp_path, 0, scale.operations, bug)
    if seen is None:
        pytest.skip("strace is missing or may not trace here: apt-get install strace")
    for number, disk in enumerate(Enumeration(seen, 0, scale.seed).disks()):
        if number % STATES_EVERY == 0:
            disk.lay(tmp_path / "state")
            if await violations(tmp_path / "state", book.read(disk.said)):
                return
    pytest.fail(f"{bug}: no power cut showed it")


async def test_an_ignored_short_write_is_caught(template: Path, shim: Path, tmp_path: Path) -> None:
    with kills.bench(template, tmp_path, shim) as bench:
        assert await _found(bench, BY_SHORT_WRITE, "short", ("write",), "/blobs/")


async def test_an_acknowledgement_before_the_commit_is_caught(
    template: Path, shim: Path, tmp_path: Path
) -> None:
    with kills.bench(template, tmp_path, shim) as bench:
        assert await _found(bench, BY_KILL, "kill", ("pwrite64", "fdatasync"), "-wal")


async def _found(bench: Bench, bug: str, mode: str, calls: tuple[str, ...], path: str) -> bool:
    points = bench.points(1, COUNT, bug)
    for point in points:
        if point.mode == mode and point.call in calls and path in point.path:
            outcome = await bench.meet(point, COUNT, bug)
            if outcome.wrong:
                return True
    return False


async def test_a_retried_sync_is_caught(template: Path, shim: Path, tmp_path: Path) -> None:
    with kills.bench(template, tmp_path, shim) as bench:
        points = [
            point
            for point in bench.points(1, COUNT, BY_FENCE)
            if point.mode == "eio" and point.call == "fdatasync" and "/blobs/" in point.path
        ]
        wrong = await bench.fence(points[0], COUNT, BY_FENCE)
    assert any("acknowledged after a failed sync" in one for one in wrong)
    assert any("the engine went on" in one for one in wrong)


async def test_a_dropped_leaf_is_caught(template: Path, shim: Path, tmp_path: Path) -> None:
    with kills.bench(template, tmp_path, shim) as bench:
        code, said = bench.run(1, COUNT, "count", 0, bug=BY_LOG)
        assert code == 0
        wrong = await violations(tmp_path / "data", said)
    assert any(one.startswith("verify log: Entry 4 is missing") for one in wrong)
    assert any(one.startswith("the log lacks the receipt") for one in wrong)


async def test_without_a_bug_nothing_is_reported(
    template: Path, shim: Path, tmp_path: Path
) -> None:
    with kills.bench(template, tmp_path, shim) as bench:
        code, said = bench.run(1, COUNT, "count", 0)
        assert code == 0
        assert len(said.acknowledged) >= COUNT - 2
        assert await violations(tmp_path / "data", said) == []
