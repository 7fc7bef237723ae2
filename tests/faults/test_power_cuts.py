"""Every disk that a power cut may leave, opened by the real engine."""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import book, trace
from faults.check import violations
from faults.conftest import Scale
from faults.states import Disk, Enumeration

pytestmark = pytest.mark.faults

DRAWN = 4
POINTS = 20
"""Crash points in a sample, each with a dozen states or more."""


def _disks(template: Path, place: Path, scale: Scale, seed: int) -> Iterator[Disk]:
    seen = trace.traced(template, place, seed, scale.operations)
    if seen is None:
        pytest.skip("strace is missing or may not trace here: apt-get install strace")
    points = None
    if not scale.full:
        every = range(1, len(seen.done) + 1)
        points = random.Random(scale.seed).sample(every, POINTS)
    return Enumeration(seen, DRAWN, scale.seed).disks(points)


def _chosen(template: Path, place: Path, scale: Scale) -> Iterator[Disk]:
    """Return whole enumerations of as many workloads as are wanted, or a sample of the first."""
    if not scale.full:
        return _disks(template, place, scale, 0)
    every = (_disks(template, place, scale, seed) for seed in itertools.count())
    return itertools.islice(itertools.chain.from_iterable(every), scale.states)


@pytest.fixture
def laid(tmp_path: Path) -> Iterator[Path]:
    """Return where disks are laid out: in memory, for what they hold is all that counts."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as place:
        yield Path(place) / "state"


async def test_no_power_cut_loses_or_halves_anything(
    template: Path, tmp_path: Path, laid: Path, scale: Scale
) -> None:
    begun, opened, wrong = time.monotonic(), 0, list[str]()
    for disk in _chosen(template, tmp_path, scale):
        disk.lay(laid)
        wrong += [f"{disk.why}: {one}" for one in await violations(laid, book.read(disk.said))]
        opened += 1
    seconds = time.monotonic() - begun
    print(f"{opened} states, {opened / seconds:.0f} a second")  # noqa: T201
    assert opened >= scale.states
    assert wrong == []
