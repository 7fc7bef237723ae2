"""Grows the tree over the audit feed and publishes checkpoints of it.

The feed is the sequence: positions are given in the commit of what they record, contiguous and
durable. The tree is a function of it, so a sequencer that is killed at any point and starts again
comes to the same tree, and cannot fork, skip or repeat. What it signs was settled before, in a
commit under its lease's fencing number: who lost the lease signs nothing more.

In order: read the new entries, settle tiles and head, sign, have witnesses cosign, publish. The
published checkpoint has the cosignatures that the policy wants; while witnesses do not answer, the
last one that had them stays published.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from rempart.core.clock import Clock
from rempart.core.errors import CloudError, invariant
from rempart.cosigners.notary import Notary
from rempart.engine.seam import Engine, EngineError, Lease
from rempart.tlog.errors import Malformed
from rempart.tlog.growth import Growth
from rempart.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Tile
from rempart.tlog.tree import EMPTY_ROOT, leaf_hash
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.documents import HEADS, TILES, Head
from rempart.trust.witness.leaf import FEED
from rempart.trust.witness.log import PublishedLog

LEASE = "log"
LEASE_SECONDS = 30.0
RENEW_SECONDS = 15.0
EVERY_SECONDS = 0.5
"""How often the sequencer looks for new entries: a checkpoint is at most a second behind."""

PAGE = 1000
ENTRIES_A_CHECKPOINT_MAX = 50_000
_SECOND = 1_000_000

_log = logging.getLogger(__name__)


class Diverged(Exception):  # noqa: N818 - it is named for what was found
    """The store does not hold the tree that it was settled as: it was altered or put back."""


class Sequencer:
    """The one that grows the tree, as long as it holds the lease."""

    def __init__(
        self, engine: Engine, sealed: SealedEngine, notary: Notary, clock: Clock, *, holder: str
    ) -> None:
        self._engine = engine
        self._sealed = sealed
        self._notary = notary
        self._clock = clock
        self._holder = holder
        self._published = PublishedLog(engine, sealed)
        self._lease: Lease | None = None
        self._growth: Growth | None = None
        self._head = Head(0, EMPTY_ROOT)

    async def run(self) -> None:
        """Work until cancelled; raises `Diverged` where the store is not what was settled."""
        while True:
            try:
                more = await self.step()
            except (EngineError, OSError):
                self._growth = None
                more = False
                _log.exception("The log was not sequenced; it is tried again.")
            await asyncio.sleep(0 if more else EVERY_SECONDS)

    async def step(self) -> bool:
        """Settle and publish what is new; tell whether there is more already."""
        growth = self._growth or await self.resume()
        count, _ = await self._engine.feeds.head(FEED)
        settled = count == self._head.published_size and not (count and self._notary.renewed)
        if settled or not await self._leads():
            return False
        more = await self._grow(growth)
        if growth.size > self._head.size:
            await self._settle(growth)
        await self._publish()
        return more

    async def release(self) -> None:
        """Let another go on at once."""
        if self._lease is not None:
            await self._engine.leases.release(self._lease)

    async def _leads(self) -> bool:
        """Take or keep the lease; tell whether it is ours, with time left."""
        now = self._clock() / _SECOND
        if self._lease is None or self._lease.expires - now < RENEW_SECONDS:
            held = self._lease
            self._lease = await self._engine.leases.acquire(LEASE, self._holder, LEASE_SECONDS)
            if held is not None and self._lease is not None and held.fence == self._lease.fence:
                return True
            # Whoever led meanwhile may have settled more.
            self._growth = None
            return False
        return True

    async def resume(self) -> Growth:
        """Take up the tree where it was settled; raises `Diverged`."""
        head = await self._published.head()
        self._head = head or Head(0, EMPTY_ROOT)
        count, _ = await self._engine.feeds.head(FEED)
        if count < self._head.size:
            raise Diverged(f"The log has {count} entries, and {self._head.size} were signed for.")
        try:
            contents = {tile: await self._published.tile(tile) for tile in _edge(self._head.size)}
            growth = Growth.resume(self._head.size, contents.__getitem__)
        except (CloudError, Malformed) as problem:
            raise Diverged(f"The tiles of the log cannot be read: {problem}") from problem
        if growth.root() != self._head.root:
            raise Diverged(f"The tiles of the log are not those of its {self._head.size} entries.")
        self._growth = growth
        return growth

    async def _grow(self, growth: Growth) -> bool:
        """Add entries to the tree; tell whether there are more."""
        end = growth.size + ENTRIES_A_CHECKPOINT_MAX
        while growth.size < end:
            page = await self._engine.feeds.read(FEED, growth.size, limit=PAGE)
            growth.append(leaf_hash(one.entry) for one in page)
            if len(page) < PAGE:
                return False
            await asyncio.sleep(0)
        return True

    async def _settle(self, growth: Growth) -> None:
        """Make the grown tree durable."""
        was = self._head
        head = Head(growth.size, growth.root(), was.published, was.published_size)
        await self._keep(head, growth.written())

    async def _publish(self) -> None:
        """Have the tree signed and cosigned, and publish it once that is enough."""
        was = self._head
        note = await self._notary.note(was.size, was.root, self._published.consistency)
        if note is not None:
            await self._keep(Head(was.size, was.root, note.encode(), was.size), ())

    async def _keep(self, head: Head, tiles: Sequence[tuple[Tile, bytes]]) -> None:
        invariant(self._lease is not None, "who settles has the lease")
        fence = (LEASE, self._lease.fence) if self._lease else None
        tx = self._sealed.transaction()
        for tile, content in tiles:
            tx.put(TILES, tile.level, tile.index, value=content)
        tx.put(HEADS, FEED, value=head)
        try:
            await tx.commit(fence)
        except BaseException:
            self._growth = None
            raise
        self._head = head


def _edge(size: int) -> list[Tile]:
    """Return the partial tiles of a tree of that size."""
    tiles, level = [], 0
    while hashes := size >> TILE_HEIGHT * level:
        index, width = divmod(hashes, TILE_WIDTH)
        if width:
            tiles.append(Tile(level, index, width))
        level += 1
    return tiles
