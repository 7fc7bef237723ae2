"""Keeps audit logs up with the universe's own log: each leaf becomes an entry, once.

The entries and how far the log was read are one commit, so that a crash neither loses nor repeats
one. Where a bucket's entries are lost, they are made again by reading from the beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable

from rempart.core.clock import Micros, World
from rempart.engine.seam import Conflict, OutOfSpace
from rempart.services.logging import audit, segments
from rempart.services.logging.kinds import CURSOR, Cursor
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.segment import SEGMENT_ENTRIES_MAX
from rempart.services.logging.router import Router
from rempart.trust.custody.sealed import Entry as FeedEntry
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.sovereignty.register import Person
from rempart.trust.witness.leaf import FEED, INTENT, decode

Staff = Callable[[str, Micros], Awaitable[Person | None]]
"""Return who a member is among the operator's staff at a time, or None."""


class Projection:
    """Reads the audit feed and writes what it says as log entries."""

    def __init__(self, sealed: SealedEngine, router: Router, staff: Staff, world: World) -> None:
        self._sealed = sealed
        self._router = router
        self._staff = staff
        self._world = world
        self._turn = asyncio.Lock()
        self._read = -1

    async def run(self) -> None:
        """Catch up, in the background."""
        await self.catch_up()

    async def catch_up(self) -> None:
        """Write what the log says up to now; without room on the disk, what is there stays."""
        with contextlib.suppress(OutOfSpace):
            end = await self._sealed.length(FEED)
            while self._read < end:
                async with self._turn:
                    await self._step()

    async def _step(self) -> None:
        tx = self._sealed.transaction()
        cursor = await tx.get(CURSOR, FEED) or Cursor()
        self._read = cursor.index
        found = await tx.entries(FEED, cursor.index, limit=SEGMENT_ENTRIES_MAX)
        if not found:
            return
        now, random = self._world.clock(), self._world.random
        for container, entries in (await self._by_container(found)).items():
            placed = await self._router.placed(container, entries)
            for bucket, kept in placed.items():
                segments.put(tx, bucket, kept, now, random)
        following = found[-1].index + 1
        tx.put(CURSOR, FEED, value=Cursor(following))
        with contextlib.suppress(Conflict):
            await tx.commit()
            self._read = following

    async def _by_container(self, found: list[FeedEntry]) -> dict[str, list[Entry]]:
        """Return the log entries of leaves by what they belong to; a pruned leaf has none."""
        people: dict[str, Person | None] = {}
        by_container: defaultdict[str, list[Entry]] = defaultdict(list)
        for one in found:
            leaf = decode(one.content) if one.content else None
            if leaf is None or leaf.kind == INTENT or not leaf.container:
                continue
            if leaf.principal not in people:
                people[leaf.principal] = await self._staff(leaf.principal, Micros(leaf.time))
            made = audit.entry(one.index, leaf, people[leaf.principal])
            by_container[leaf.container].append(made)
        return by_container
