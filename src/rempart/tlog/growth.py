"""Appending to a tiled tree: which tiles to write, and the root, from the tiles at its edge."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rempart.core.errors import invariant
from rempart.tlog.text import HASH_BYTES
from rempart.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, decode_tile, tile_width
from rempart.tlog.tree import EMPTY_ROOT, Edge, fold, root_hash


class Growth:
    """The tiles at the right edge of a tree, level by level, not yet full.

    `append` collects leaf hashes; `written` then gives every tile, full or partial, that came of
    them since it was last asked.
    """

    __slots__ = ("_edge", "_full", "_since", "size")

    def __init__(self) -> None:
        self.size = 0
        self._since = 0
        self._edge: list[list[bytes]] = [[]]
        self._full: list[tuple[Tile, bytes]] = []

    @classmethod
    def resume(cls, size: int, fetch: Callable[[Tile], bytes]) -> Growth:
        """Go on with a tree of that size, from its partial tiles; raises `Malformed`."""
        grown = cls()
        grown.size = grown._since = size
        level = 0
        while hashes := size >> TILE_HEIGHT * level:
            while len(grown._edge) <= level:
                grown._edge.append([])
            index, width = divmod(hashes, TILE_WIDTH)
            if width:
                grown._edge[level] = list(decode_tile(fetch(Tile(level, index, width)), width))
            level += 1
        return grown

    def append(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes."""
        for leaf in leaves:
            invariant(len(leaf) == HASH_BYTES, "a leaf is its hash")
            self.size += 1
            self._put(0, leaf)

    def written(self) -> list[tuple[Tile, bytes]]:
        """Return the tiles that are new or wider since the last call, with their content."""
        tiles, self._full = self._full, []
        for level, hashes in enumerate(self._edge):
            index = self.size >> TILE_HEIGHT * (level + 1)
            if hashes and len(hashes) != tile_width(level, index, self._since):
                tiles.append((Tile(level, index, len(hashes)), b"".join(hashes)))
        self._since = self.size
        return tiles

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        subtrees = [it for hashes in reversed(self._edge) for it in _complete(hashes)]
        return fold(subtrees) if subtrees else EMPTY_ROOT

    def _put(self, level: int, hash_: bytes) -> None:
        if level == len(self._edge):
            self._edge.append([])
        hashes = self._edge[level]
        hashes.append(hash_)
        if len(hashes) == TILE_WIDTH:
            index = (self.size >> TILE_HEIGHT * (level + 1)) - 1
            self._full.append((Tile(level, index), b"".join(hashes)))
            self._edge[level] = []
            self._put(level + 1, root_hash(hashes))


def _complete(hashes: Iterable[bytes]) -> tuple[bytes, ...]:
    edge = Edge()
    for hash_ in hashes:
        edge.append(hash_)
    return edge.hashes
