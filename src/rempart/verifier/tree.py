"""Which tiles tie entries to a root, and whether they do.

A full tile stands for one hash of the tile above it; the narrower tiles at the right edge, one a
level at most, give the root. So from the top down each tile is shown by the one above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hmac import compare_digest

from rempart.tlog.checking import check_consistency
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.growth import Growth
from rempart.tlog.proving import plan_consistency
from rempart.tlog.text import HASH_BYTES
from rempart.tlog.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    decode_tile,
    hash_in,
    tile_of,
    tile_width,
)
from rempart.tlog.tree import Node, root_hash

Tiles = Mapping[Tile, memoryview] | Mapping[Tile, bytes]


class Untied(Exception):  # noqa: N818 - it is named for what was found
    """The tiles do not say whether one tree continues another."""


def needed(size: int, indices: Iterable[int], earlier: Iterable[int] = ()) -> set[Tile]:
    """Return the tiles that tie these entries, and older trees of these sizes, to the root."""
    tiles = set(edge(size))
    last = -1
    for index in indices:
        at = index >> TILE_HEIGHT
        if at != last:
            _climb(tiles, 0, at, size)
            last = at
    for old in earlier:
        for node in plan_consistency(old, size).nodes:
            tile = tile_of(node, size)
            _climb(tiles, tile.level, tile.index, size)
    return tiles


def edge(size: int) -> list[Tile]:
    """Return the tiles of a tree that are not full."""
    tiles, level = [], 0
    while hashes := size >> TILE_HEIGHT * level:
        index, width = divmod(hashes, TILE_WIDTH)
        if width:
            tiles.append(Tile(level, index, width))
        level += 1
    return tiles


def authenticate(size: int, root: bytes, tiles: Tiles) -> None:
    """Check that these are tiles of the tree with that root; raises `Malformed` or `Refuted`."""
    for tile, content in tiles.items():
        if len(content) != tile.width * HASH_BYTES:
            raise Malformed(f"{tile.path} does not have the size of its hashes.")
    grown = Growth.resume(size, lambda tile: bytes(tiles[tile]))
    if not compare_digest(grown.root(), root):
        names = ", ".join(it.path for it in edge(size))
        raise Refuted(f"The root of {size} entries does not come of the tiles at its edge: {names}")
    for tile in sorted(tiles, reverse=True):
        if tile.width == TILE_WIDTH:
            _check_below(tile, size, tiles)


def leaf_at(index: int, size: int, tiles: Tiles) -> bytes:
    """Return the hash of a leaf out of its tile, which must be there."""
    at, place = divmod(index, TILE_WIDTH)
    content = tiles[Tile(0, at, tile_width(0, at, size))]
    return bytes(content[place * HASH_BYTES : (place + 1) * HASH_BYTES])


def check_continues(old: int, old_root: bytes, size: int, root: bytes, tiles: Tiles) -> None:
    """Check that the tree begins with an older one; raises `Untied` or `Refuted`.

    A tile of the older tree, which may be among them, does for the beginning of a wider one.
    """
    plan = plan_consistency(old, size)
    widest = {(it.level, it.index): it for it in sorted(tiles)}
    try:
        places = [widest[_place(node, size)] for node in plan.nodes]
        hashes = [hash_in(bytes(tiles[at]), it) for at, it in zip(places, plan.nodes, strict=True)]
    except (KeyError, Malformed):
        raise Untied(
            f"No tile tells whether the tree of {size} entries continues the one of {old}:"
            " fetch the newer bundle with --since."
        ) from None
    check_consistency(old, size, old_root, root, plan.proof(hashes))


def _place(node: Node, size: int) -> tuple[int, int]:
    tile = tile_of(node, size)
    return tile.level, tile.index


def _climb(tiles: set[Tile], level: int, at: int, size: int) -> None:
    while width := tile_width(level, at, size):
        tile = Tile(level, at, width)
        if tile in tiles:
            return
        tiles.add(tile)
        level, at = level + 1, at >> TILE_HEIGHT


def _check_below(tile: Tile, size: int, tiles: Tiles) -> None:
    at, place = divmod(tile.index, TILE_WIDTH)
    above = Tile(tile.level + 1, at, tile_width(tile.level + 1, at, size))
    shown = bytes(tiles[above][place * HASH_BYTES : (place + 1) * HASH_BYTES])
    if not compare_digest(root_hash(decode_tile(bytes(tiles[tile]), TILE_WIDTH)), shown):
        raise Refuted(f"{tile.path} is not the tile that {above.path} stands over.")
