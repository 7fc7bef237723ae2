"""Threads for calls that may never return."""

from __future__ import annotations

import asyncio
import time
from threading import Event

import pytest

from rempart.core.errors import CloudError, Code
from rempart.trust.custody.pkcs11.workers import Workers

LATE_SECONDS = 0.05


async def late(workers: Workers, until: Event) -> CloudError:
    with pytest.raises(CloudError) as refusal:
        await workers.run(LATE_SECONDS, until.wait)
    return refusal.value


async def test_a_call_answers_or_raises_what_it_raised() -> None:
    workers = Workers("token", 2)
    assert await asyncio.gather(*(workers.run(5, lambda: 7) for _ in range(9))) == [7] * 9
    with pytest.raises(ZeroDivisionError):
        await workers.run(5, lambda: 1 // 0)


async def test_a_call_that_hangs_is_given_up_and_then_refused_at_once() -> None:
    workers, end = Workers("token", 2), Event()
    problems = await asyncio.gather(late(workers, end), late(workers, end))
    assert {problem.code for problem in problems} == {Code.UNAVAILABLE}
    begun = time.monotonic()
    with pytest.raises(CloudError):
        await workers.run(60, lambda: 7)
    assert time.monotonic() - begun < 1
    end.set()
    for _ in range(100):
        await asyncio.sleep(0.01)
        try:
            assert await workers.run(5, lambda: 7) == 7
        except CloudError:
            continue
        return
    raise AssertionError("the threads did not come back")


async def test_a_call_that_nobody_waits_for_never_begins() -> None:
    workers, end, begun = Workers("token", 1), Event(), list[int]()
    waiting = asyncio.create_task(workers.run(60, end.wait))
    await asyncio.sleep(0.05)
    with pytest.raises(CloudError):
        await workers.run(LATE_SECONDS, lambda: begun.append(1))
    end.set()
    assert await waiting
    assert await workers.run(5, lambda: 7) == 7
    assert not begun


@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_a_late_call_makes_is_undone(cancelled: bool) -> None:
    workers, end, undone = Workers("token", 1), Event(), list[bool]()
    seconds = 60 if cancelled else LATE_SECONDS
    waiting = asyncio.create_task(workers.run(seconds, end.wait, undone.append))
    await asyncio.sleep(LATE_SECONDS)
    if cancelled:
        waiting.cancel()
    with pytest.raises((CloudError, asyncio.CancelledError)):
        await waiting
    end.set()
    for _ in range(200):
        await asyncio.sleep(0.01)
        if undone:
            break
    assert undone == [True]
