"""The files of a tiled log (C2SP tlog-tiles): names, widths, entry bundles, hashes out of tiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct

from rempart.core.errors import invariant
from rempart.tlog.errors import Malformed
from rempart.tlog.proving import HashReader
from rempart.tlog.text import HASH_BYTES
from rempart.tlog.tree import Node, root_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
LEVEL_MAX = 63
ENTRIES = -1
"""The level of an entry bundle, below that of the leaf hashes."""

ENTRY_BYTES_MAX = (1 << 16) - 1

_LENGTH = Struct(">H")
_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One file: a tile of hashes, or the entry bundle under it at level `ENTRIES`."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Return the path below the log's prefix: `tile/0/x001/234`, `tile/entries/000.p/5`."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{_groups(self.index)}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return "" if self.width == TILE_WIDTH else f".p/{self.width}"


def parse_path(path: str) -> Tile:
    """Return the tile that a path names, in its one spelling; raises `Malformed`."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Malformed(f"{path[:64]!r} is not the path of a tile.")
    level, groups, width = found.groups()
    tile = Tile(
        level=ENTRIES if level == "entries" else int(level),
        index=int(groups.replace("x", "").replace("/", "")),
        width=int(width or TILE_WIDTH),
    )
    if tile.level > LEVEL_MAX or tile.path != path:
        raise Malformed(f"{path[:64]!r} is not the path of a tile.")
    return tile


def tile_width(level: int, index: int, size: int) -> int:
    """Return how many hashes (or entries) a tile has in a tree of that size; 0: no such tile."""
    hashes = size >> TILE_HEIGHT * max(level, 0)
    return max(0, min(TILE_WIDTH, hashes - index * TILE_WIDTH))


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """Iterate over the tiles that a tree of `size` has and one of `since` leaves has not."""
    level = 0
    while hashes := size >> TILE_HEIGHT * level:
        first = (since >> TILE_HEIGHT * level) // TILE_WIDTH
        for index in range(first, -(-hashes // TILE_WIDTH)):
            width = tile_width(level, index, size)
            if width != tile_width(level, index, since):
                yield Tile(level, index, width)
        level += 1


def bundles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """Iterate over the entry bundles that a tree of `size` has and one of `since` has not."""
    for index in range(since // TILE_WIDTH, -(-size // TILE_WIDTH)):
        width = tile_width(ENTRIES, index, size)
        if width != tile_width(ENTRIES, index, since):
            yield Tile(ENTRIES, index, width)


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return an entry bundle; an entry has at most `ENTRY_BYTES_MAX` bytes."""
    invariant(all(len(it) <= ENTRY_BYTES_MAX for it in entries), "an entry fits its bundle")
    return b"".join(part for it in entries for part in (_LENGTH.pack(len(it)), it))


def decode_bundle(content: bytes, width: int) -> tuple[bytes, ...]:
    """Return the entries of a bundle that should hold `width` of them; raises `Malformed`."""
    entries = []
    at = 0
    while at < len(content):
        start = at + _LENGTH.size
        if start > len(content):
            raise Malformed("The entry bundle ends within a length.")
        (length,) = _LENGTH.unpack_from(content, at)
        at = start + length
        if at > len(content):
            raise Malformed("The entry bundle ends within an entry.")
        entries.append(content[start:at])
    if len(entries) != width:
        raise Malformed(f"The entry bundle holds {len(entries)} entries, not {width}.")
    return tuple(entries)


def decode_tile(content: bytes, width: int) -> tuple[bytes, ...]:
    """Return the hashes of a tile that should hold `width` of them; raises `Malformed`."""
    if len(content) != width * HASH_BYTES:
        raise Malformed(f"The tile has {len(content)} bytes, not {width * HASH_BYTES}.")
    return tuple(content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES))


def tile_of(node: Node, size: int) -> Tile:
    """Return the tile of a tree of that size in which a node's hash is found."""
    level, index, _ = _place(node)
    return Tile(level, index, tile_width(level, index, size))


def hash_in(content: bytes, node: Node) -> bytes:
    """Return a node's hash out of the content of its tile; raises `Malformed`."""
    _, _, start = _place(node)
    count = 1 << node.level % TILE_HEIGHT
    if len(content) < (start + count) * HASH_BYTES:
        raise Malformed("The tile is too short for what is looked up in it.")
    spans = range(start * HASH_BYTES, (start + count) * HASH_BYTES, HASH_BYTES)
    return root_hash(content[at : at + HASH_BYTES] for at in spans)


def reader_of(size: int, fetch: Callable[[Tile], bytes]) -> HashReader:
    """Return a reader of the hashes of a tree of that size, out of tiles fetched once per call."""

    def read(nodes: Sequence[Node]) -> Sequence[bytes]:
        places = [tile_of(node, size) for node in nodes]
        contents: Mapping[Tile, bytes] = {tile: fetch(tile) for tile in dict.fromkeys(places)}
        return [hash_in(contents[tile], node) for tile, node in zip(places, nodes, strict=True)]

    return read


def _place(node: Node) -> tuple[int, int, int]:
    level, height = divmod(node.level, TILE_HEIGHT)
    index, start = divmod(node.index << height, TILE_WIDTH)
    return level, index, start


def _groups(index: int) -> str:
    text = f"{index % 1000:03d}"
    while index := index // 1000:
        text = f"x{index % 1000:03d}/{text}"
    return text
