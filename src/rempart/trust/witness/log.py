"""The log as anybody may read it: checkpoint, tiles, entry bundles, proofs (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Callable

from rempart.core.errors import CloudError, not_found
from rempart.engine.seam import Engine
from rempart.tlog.errors import Malformed
from rempart.tlog.note import Note, parse_note
from rempart.tlog.proof import LogProof
from rempart.tlog.proving import Plan, Proof, plan_consistency, plan_inclusion, plan_root
from rempart.tlog.text import HASH_BYTES
from rempart.tlog.tiles import (
    ENTRIES,
    LEVEL_MAX,
    TILE_WIDTH,
    Tile,
    encode_bundle,
    hash_in,
    parse_path,
    tile_of,
    tile_width,
)
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.documents import HEADS, TILES, Head
from rempart.trust.witness.leaf import FEED


class PublishedLog:
    """What is public of the log: no more of the tree than the published checkpoint covers.

    `lacking` says why no newer checkpoint is published; empty where one will be within a second.
    """

    def __init__(
        self, engine: Engine, sealed: SealedEngine, lacking: Callable[[], str] = lambda: ""
    ) -> None:
        self._engine = engine
        self._sealed = sealed
        self._lacking = lacking

    async def head(self) -> Head | None:
        """Return the tree as it was last settled; None before the first entry was."""
        found = await self._sealed.find(HEADS, HEADS.key(FEED))
        return found.value if found else None

    async def checkpoint(self) -> bytes:
        """Return the published checkpoint, a signed note; raises `not_found` before the first."""
        return (await self._published()).published

    async def file(self, path: str) -> bytes:
        """Return a tile or entry bundle by its path; raises `not_found`."""
        try:
            tile = parse_path(path)
        except Malformed as problem:
            raise not_found(str(problem)) from problem
        size = (await self._published()).published_size
        if tile.level > LEVEL_MAX or tile.width > tile_width(tile.level, tile.index, size):
            raise self._uncovered("The published log is not that long yet.")
        return await self._bundle(tile) if tile.level == ENTRIES else await self.tile(tile)

    async def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile, as many as it is wide; raises `not_found`."""
        found = await self._sealed.find(TILES, TILES.key(tile.level, tile.index))
        if found is None or len(found.value) < tile.width * HASH_BYTES:
            raise not_found("The log has no such tile.")
        return found.value[: tile.width * HASH_BYTES]

    async def _bundle(self, tile: Tile) -> bytes:
        start = tile.index * TILE_WIDTH
        entries = await self._engine.feeds.read(FEED, start, limit=tile.width)
        return encode_bundle([one.entry for one in entries])

    async def inclusion(self, index: int) -> LogProof:
        """Return the proof that an entry is under the published checkpoint."""
        head = await self._published()
        if not 0 <= index < head.published_size:
            raise self._uncovered("No published checkpoint covers that entry yet.")
        hashes = await self.proof(plan_inclusion(index, head.published_size), head.published_size)
        return LogProof(index, hashes, self._note(head))

    async def consistency(self, old: int, size: int) -> Proof:
        """Return the proof that the tree of `size` begins with that of `old`."""
        return await self.proof(plan_consistency(old, size), size)

    async def root(self, size: int) -> bytes:
        """Return the root that the tree had at a size from 1 on."""
        (found,) = await self.proof(plan_root(size), size)
        return found

    async def proof(self, plan: Plan, size: int) -> Proof:
        """Return what a plan wants of a tree of that size."""
        places = [tile_of(node, size) for node in plan.nodes]
        contents = {tile: await self.tile(tile) for tile in dict.fromkeys(places)}
        hashes = [hash_in(contents[at], node) for at, node in zip(places, plan.nodes, strict=True)]
        return plan.proof(hashes)

    async def _published(self) -> Head:
        head = await self.head()
        if head is None:
            raise self._uncovered("Nothing of the log is sequenced yet.")
        if not head.published:
            raise self._uncovered("The log has no published checkpoint yet.")
        return head

    def _uncovered(self, message: str) -> CloudError:
        return not_found(f"{message} {self._lacking() or 'Ask again in a second.'}")

    def _note(self, head: Head) -> Note:
        return parse_note(head.published)
