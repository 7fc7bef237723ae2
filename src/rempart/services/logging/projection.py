"""Keeps audit logs up with the universe's own log: each leaf becomes an entry, once.

The entries and how far the log was read are one commit, so that a crash neither loses nor repeats
one. Where a bucket's entries are lost, they are made again by reading from the beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict

from rempart.core.clock import World
from rempart.engine.seam import Conflict, OutOfSpace
from rempart.services.logging import audit, outbox, transparency
from rempart.services.logging.kinds import CURSOR, Cursor
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.segment import SEGMENT_ENTRIES_MAX
from rempart.services.logging.router import Router
from rempart.trust.custody.sealed import Entry as FeedEntry
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.support.documents import REQUEST, Request
from rempart.trust.witness.leaf import FEED, INTENT, SUPPORT, Leaf, decode

_REQUESTS = "/approvalRequests/"


class Projection:
    """Reads the audit feed and writes what it says as log entries."""

    def __init__(self, sealed: SealedEngine, router: Router, world: World) -> None:
        self._sealed = sealed
        self._router = router
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
            outbox.put_all(tx, placed, now, random)
        following = found[-1].index + 1
        tx.put(CURSOR, FEED, value=Cursor(following))
        with contextlib.suppress(Conflict):
            await tx.commit()
            self._read = following

    async def _by_container(self, found: list[FeedEntry]) -> dict[str, list[Entry]]:
        """Return the log entries of leaves by what they belong to; a pruned leaf has none."""
        by_container: defaultdict[str, list[Entry]] = defaultdict(list)
        for one in found:
            leaf = decode(one.content) if one.content else None
            if leaf is not None and leaf.kind != INTENT and leaf.container:
                by_container[leaf.container].append(await self._entry(one.index, leaf))
        return by_container

    async def _entry(self, index: int, leaf: Leaf) -> Entry:
        if leaf.kind != SUPPORT:
            return audit.entry(index, leaf)
        return transparency.entry(index, leaf, await self._request(leaf.approval))

    async def _request(self, name: str) -> Request | None:
        """Return what was approved under a name; it is kept for good."""
        container, _, id_ = name.partition(_REQUESTS)
        found = await self._sealed.find(REQUEST, REQUEST.key(container, id_))
        return found.value if found else None
