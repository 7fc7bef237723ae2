"""Writes entries that are in no transaction of a change: reads, refusals, events.

Anybody may be refused as often as they like. Of each principal some refusals a second are on record
one by one, before they are answered; the others are counted, and the count is on record.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from rempart.core.clock import Clock
from rempart.engine.seam import Append, EngineError, Position
from rempart.tlog.tree import leaf_hash
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import EVENT, FEED, REFUSAL, Leaf, encode

REFUSALS_PER_SECOND_MAX = 10
PRINCIPALS_COUNTED_MAX = 1000
ENTRIES_A_COMMIT_MAX = 256
_SECOND = 1_000_000
_OTHERS = "others"
RECEIPT_HEADER = "x-rempart-receipt"


@dataclass(slots=True)
class _Counted:
    """What one principal was refused in a second."""

    kept: int = 0
    surplus: int = 0
    last: Leaf | None = None


class Recorder:
    """The log, for who is on no stair."""

    def __init__(self, sealed: SealedEngine, clock: Clock) -> None:
        self._sealed = sealed
        self._clock = clock
        self._second = 0
        self._counted: dict[str, _Counted] = {}
        self._waiting: list[tuple[Append, asyncio.Future[Position]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, leaf: Leaf) -> tuple[str, str]:
        """Append an entry and return its receipt, as a header; durable on return.

        Entries that come while one commit is under way are the next one's, all of them.
        """
        append = self._sealed.seal_entry(FEED, encode(leaf))
        done: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._waiting.append((append, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="recorder")
        # A caller that goes away leaves its entry to be written: it was asked.
        return receipt(await asyncio.shield(done), append.entry)

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                group = self._waiting[:ENTRIES_A_COMMIT_MAX]
                del self._waiting[:ENTRIES_A_COMMIT_MAX]
                await self._write(group)
        finally:
            self._writing = None

    async def _write(self, group: list[tuple[Append, asyncio.Future[Position]]]) -> None:
        try:
            committed = await self._sealed.append(tuple(append for append, _ in group))
        except Exception as problem:  # noqa: BLE001 - each of those who wait is told
            for _, done in group:
                done.set_exception(problem)
                done.exception()  # read here: its caller may have gone
            return
        for (_, done), position in zip(group, committed.positions, strict=True):
            done.set_result(position)

    async def event(self, method: str, facts: dict[str, str], *, resource: str = "") -> None:
        """Let something that the universe or its operator did be on record."""
        now = self._clock()
        leaf = Leaf(
            kind=EVENT,
            time=now,
            request="",
            method=method,
            principal="system",
            resource=resource,
            facts=facts,
        )
        await self.put(leaf)

    async def refused(self, leaf: Leaf) -> tuple[tuple[str, str], ...]:
        """Let a refusal be on record: by itself if there is room, else as one of many.

        Returns the receipt as a header, none where there is no entry yet. A store that takes no
        entry hinders no refusal: nothing is released by it.
        """
        try:
            await self.settle()
            counted = self._of(leaf.principal)
            if counted.kept < REFUSALS_PER_SECOND_MAX:
                counted.kept += 1
                return (await self.put(leaf),)
            counted.surplus += 1
            counted.last = leaf
        except EngineError:
            return ()
        return ()

    async def run(self) -> None:
        """Do the housework of once a second."""
        await self.settle()

    async def settle(self) -> None:
        """Write the counts of seconds that are over."""
        second = self._clock() // _SECOND
        if second == self._second:
            return
        counted, self._counted, self._second = self._counted, {}, second
        for one in counted.values():
            if one.last is not None:
                await self.put(_summary(one.last, one.surplus))

    def _of(self, principal: str) -> _Counted:
        if len(self._counted) >= PRINCIPALS_COUNTED_MAX:
            principal = _OTHERS
        return self._counted.setdefault(principal, _Counted())


def _summary(last: Leaf, count: int) -> Leaf:
    """Return the entry of refusals that are not on record one by one; the last stands for all."""
    return msgspec.structs.replace(last, kind=REFUSAL, facts={**last.facts, "refusals": str(count)})


def receipt(at: Position, entry: bytes) -> tuple[str, str]:
    """Return the header that says where in the log an entry is, and its leaf hash there."""
    return (RECEIPT_HEADER, f"{at.feed}/{at.index}/{leaf_hash(entry).hex()}")
