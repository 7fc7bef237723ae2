"""Group commit: batches that wait together share one transaction and one sync.

The event loop evaluates and applies a group on the writer's connection, which is work in memory;
a thread then only runs COMMIT, where the sync waits outside the interpreter's lock. Meanwhile the
next group gathers. One group is under way at any time, so nobody sees what may still be undone.
Why it is cut this way: docs/adr/0004-commit-in-groups.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

import apsw

from rempart.engine.embedded.applier import Applier
from rempart.engine.embedded.checkpoint import Checkpoints
from rempart.engine.embedded.fence import Fence
from rempart.engine.embedded.tip import Tip
from rempart.engine.seam import Conflict, Fenced, OutOfSpace, Unavailable

GROUP_JOBS_MAX = 256
GROUP_BYTES_MAX = 8 << 20
WAITING_JOBS_MAX = 65_536

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Job:
    run: Callable[[], object]
    size: int
    future: asyncio.Future[object]


@dataclass(frozen=True, slots=True)
class _Outcome:
    future: asyncio.Future[object]
    result: object = None
    refusal: Exception | None = None


class Committer:
    """The queue before the writer's connection."""

    def __init__(
        self,
        writer: apsw.Connection,
        applier: Applier,
        checkpoints: Checkpoints,
        fence: Fence,
        tip: Tip,
    ) -> None:
        self._writer = writer
        self._applier = applier
        self._checkpoints = checkpoints
        self._fence = fence
        self._tip = tip
        self._waiting: deque[_Job] = deque()
        self._running = False
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._thread = ThreadPoolExecutor(1, "commit")

    async def submit(self, run: Callable[[], Result], size: int) -> Result:
        """Run `run` in a transaction and return its result once that is durable.

        `run` must raise before its first write, or not at all: others share the transaction.
        """
        self._fence.check()
        if self._closed:
            raise Unavailable("the engine is closed")
        if len(self._waiting) >= WAITING_JOBS_MAX:
            raise Unavailable(f"{WAITING_JOBS_MAX} commits are waiting")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        self._waiting.append(_Job(run, size, future))
        if not self._running:
            self._running = True
            self._idle.clear()
            loop.call_soon(self._start)
        return cast(Result, await future)

    async def close(self) -> None:
        """Finish what was submitted."""
        self._closed = True
        await self._idle.wait()
        await self._checkpoints.close()
        self._thread.shutdown()

    def _start(self) -> None:
        if self._fence.tripped:
            # Tripped elsewhere, by a blob or by the log: what waits here is over as well.
            self._end("writing is over")
            return
        jobs = self._take()
        if not jobs:
            self._running = False
            self._idle.set()
            return
        outcomes: list[_Outcome] | None = None
        try:
            outcomes = self._apply(jobs)
        except apsw.Error as error:
            self._fail(jobs, error)
        finally:
            if outcomes is None and self._writer.in_transaction:
                # Neither a database error nor a refusal: the state of the group is unknown.
                self._fail(jobs, None)
        if outcomes is not None:
            self._in_thread(self._commit, partial(self._finish, jobs, outcomes))

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        size = 0
        while self._waiting and len(jobs) < GROUP_JOBS_MAX and size < GROUP_BYTES_MAX:
            job = self._waiting.popleft()
            if not job.future.done():
                jobs.append(job)
                size += job.size
        return jobs

    def _apply(self, jobs: list[_Job]) -> list[_Outcome]:
        self._applier.begin()
        outcomes = [_run(job) for job in jobs]
        self._applier.seal()
        return outcomes

    def _commit(self) -> None:
        self._writer.execute("COMMIT")
        self._tip.advance(self._applier.group_version)

    def _finish(
        self, jobs: list[_Job], outcomes: list[_Outcome], commit: asyncio.Future[None]
    ) -> None:
        error = commit.exception()
        if error is not None:
            self._fail(jobs, error)
            return
        self._applier.settle()
        for outcome in outcomes:
            _resolve(outcome)
        self._checkpoints.consider()
        if self._checkpoints.rest_due:
            self._in_thread(self._checkpoints.fold_rest, self._folded)
            return
        # After the callers whom the results wake: what they commit next joins the next group.
        asyncio.get_running_loop().call_soon(self._start)

    def _folded(self, fold: asyncio.Future[None]) -> None:
        error = fold.exception()
        if error is not None:
            self._end(f"the log could not be folded into the database: {error}")
            return
        self._start()

    def _fail(self, jobs: list[_Job], error: BaseException | None) -> None:
        if isinstance(error, apsw.FullError) and self._rolled_back():
            refusal: Exception = OutOfSpace("the disk is full")
            asyncio.get_running_loop().call_soon(self._start)
        else:
            refusal = self._end(f"a commit failed: {error or 'unexpected'}")
        for job in jobs:
            _resolve(_Outcome(job.future, refusal=refusal))

    def _rolled_back(self) -> bool:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            self._applier.undo()
        except apsw.Error:
            return False
        return True

    def _end(self, reason: str) -> Fenced:
        fenced = self._fence.trip(reason)
        while self._waiting:
            _resolve(_Outcome(self._waiting.popleft().future, refusal=fenced))
        self._running = False
        self._idle.set()
        return fenced

    def _in_thread(
        self, work: Callable[[], None], after: Callable[[asyncio.Future[None]], None]
    ) -> None:
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        future.add_done_callback(after)


def _run(job: _Job) -> _Outcome:
    try:
        return _Outcome(job.future, result=job.run())
    except (Conflict, Fenced, ValueError) as refusal:
        return _Outcome(job.future, refusal=refusal)


def _resolve(outcome: _Outcome) -> None:
    if outcome.future.done():
        return
    if outcome.refusal is not None:
        outcome.future.set_exception(outcome.refusal)
        return
    outcome.future.set_result(outcome.result)
