"""Group commit on PostgreSQL: orders that wait together share one transaction and one sync.

A commit whose connection breaks has an unknown outcome: the caller gets `Unavailable`, and may
repeat the batch if its expectations tell a repeat from a first time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import psycopg
from psycopg import errors

from rempart.core.clock import Clock
from rempart.engine.distributed.group import Answer, Ledger, Order, question
from rempart.engine.distributed.session import Session, connect, meaning
from rempart.engine.distributed.tables import load, store
from rempart.engine.seam import Conflict, EngineError, Fenced, Unavailable

GROUP_ORDERS_MAX = 256
GROUP_BYTES_MAX = 8 << 20
WAITING_ORDERS_MAX = 65_536
ATTEMPTS_MAX = 5
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Job:
    order: Order
    size: int
    future: asyncio.Future[Answer]


class Committer:
    """The queue before the connection that writes."""

    def __init__(self, dsn: str, session: Session, clock: Clock | None) -> None:
        self._dsn = dsn
        self._session = session
        self._clock = clock
        self._waiting: deque[_Job] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, order: Order, size: int) -> Answer:
        """Carry the order out; durable on return."""
        if self._closed:
            raise Unavailable("the engine is closed")
        if len(self._waiting) >= WAITING_ORDERS_MAX:
            raise Unavailable(f"{WAITING_ORDERS_MAX} commits are waiting")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(order, size, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="commit")
        return await future

    async def close(self) -> None:
        """Finish what was submitted."""
        self._closed = True
        if self._worker is not None:
            await self._worker
        await self._session.close()

    async def _work(self) -> None:
        while jobs := self._take():
            try:
                verdicts = await self._carry_out([job.order for job in jobs])
            except EngineError as error:
                verdicts = [error] * len(jobs)
            for job, verdict in zip(jobs, verdicts, strict=True):
                _resolve(job.future, verdict)
            # Whom the results wake runs first: what they commit next joins the next group.
            await asyncio.sleep(0)
        self._worker = None

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        size = 0
        while self._waiting and len(jobs) < GROUP_ORDERS_MAX and size < GROUP_BYTES_MAX:
            job = self._waiting.popleft()
            if not job.future.done():
                jobs.append(job)
                size += job.size
        return jobs

    async def _carry_out(self, orders: list[Order]) -> list[Answer | Exception]:
        for _ in range(ATTEMPTS_MAX):
            try:
                if self._session.closed:
                    self._session = await connect(self._dsn)
                return await self._transact(orders)
            except (errors.SerializationFailure, errors.DeadlockDetected):
                continue
            except psycopg.Error as error:
                if isinstance(error, psycopg.OperationalError):
                    # Who answers next may be another server: it is checked anew.
                    await self._session.close()
                raise meaning(error) from error
        raise Unavailable(f"PostgreSQL found no order of writers in {ATTEMPTS_MAX} attempts")

    async def _transact(self, orders: list[Order]) -> list[Answer | Exception]:
        now = None if self._clock is None else self._clock() / _MICROS
        async with self._session.transaction():
            state = await load(self._session, question(orders), now)
            ledger = Ledger(state)
            verdicts = [_judge(ledger, order) for order in orders]
            await store(self._session, ledger.changes)
        return verdicts


def _judge(ledger: Ledger, order: Order) -> Answer | Exception:
    try:
        return ledger.judge(order)
    except (Conflict, Fenced, ValueError) as refusal:
        return refusal


def _resolve(future: asyncio.Future[Answer], verdict: Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(verdict, Exception):
        future.set_exception(verdict)
        return
    future.set_result(verdict)
