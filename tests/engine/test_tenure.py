"""One process serves a universe at a time, whatever the engine would allow."""

from __future__ import annotations

import pytest

from rempart.engine.seam import Append, Batch, Fenced
from rempart.runner.tenure import LEASE_SECONDS, Taken, Tenure
from support.memory_engine import MemoryEngine
from support.worlds import SetClock


def _ignore(_reason: str) -> None: ...


async def test_a_second_process_is_refused_while_the_first_serves() -> None:
    engine = MemoryEngine(SetClock())
    first = Tenure(engine.leases, "one", _ignore)
    await first.begin()
    with pytest.raises(Taken):
        await Tenure(engine.leases, "two", _ignore).begin()
    await first.end()
    second = Tenure(engine.leases, "two", _ignore)
    await second.begin()
    await second.end()


async def test_a_process_that_was_replaced_can_no_longer_write() -> None:
    clock = SetClock()
    engine = MemoryEngine(clock)
    first = Tenure(engine.leases, "one", _ignore)
    fence = await first.begin()
    clock.advance(LEASE_SECONDS + 1)
    second = Tenure(engine.leases, "two", _ignore)
    await second.begin()
    with pytest.raises(Fenced):
        await engine.records.commit(Batch(appends=(Append("audit", b"x"),), fence=fence))
    await first.end()
    await second.end()
