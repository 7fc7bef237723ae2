"""The tree on disk: `DIR/tree/NUMBER/`, a cache that whoever has log and seed can make anew.

Each level is one file of hashes that only grows, so that a tile of any width is a piece of it.
Level 0 is not kept: its hashes are those of the entries. Whatever is read here is to be believed
only as far as a signed root says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from rempart import durable
from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import VerifierKey, parse_verifier_key
from rempart.tlog.note import Note, parse_note
from rempart.tlog.proving import Plan, Proof
from rempart.tlog.text import HASH_BYTES
from rempart.tlog.tiles import ENTRIES, TILE_WIDTH, Tile, encode_bundle, reader_of

DIRECTORY = "tree"
KEY = "key"
SALT = "salt"
HEAD = "head"
"""The largest tree that was signed and not published, with the log's own signature alone."""

CHECKPOINT = "checkpoint"
"""The largest that was published: it had its quorum."""

_LEVELS = ("entries", *map(str, range(1, 8)))
_TILE_BYTES = TILE_WIDTH * HASH_BYTES


class TreeFiles:
    """The files of one log's tree. One thread writes; what was written before is read by any."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def clear(self) -> None:
        """Remove the hashes, and leave what was signed."""
        for name in _LEVELS:
            (self.directory / name).unlink(missing_ok=True)
        durable.sync_directory(self.directory)

    def write(self, start: int, entries: bytes, tiles: Iterable[tuple[Tile, bytes]]) -> None:
        """Write entries from index `start` on, and the tiles above them; durable on return."""
        written: dict[str, list[tuple[int, bytes]]] = {"entries": [(start * HASH_BYTES, entries)]}
        for tile, content in tiles:
            if tile.level > 0:
                place = tile.index * _TILE_BYTES, content
                written.setdefault(str(tile.level), []).append(place)
        new = [name for name in written if not (self.directory / name).exists()]
        for name, pieces in written.items():
            _write(self.directory / name, pieces)
        if new:
            durable.sync_directory(self.directory)

    def entries(self, start: int, count: int) -> Sequence[bytes]:
        """Return entries; raises `Malformed` where they are not there."""
        content = _read(self.directory / "entries", start * HASH_BYTES, count * HASH_BYTES)
        return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]

    def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile; raises `Malformed` where they are not there."""
        if tile.level == 0:
            entries = self.entries(tile.index * TILE_WIDTH, tile.width)
            return b"".join(sha256(b"\x00" + entry).digest() for entry in entries)
        path = self.directory / str(tile.level)
        return _read(path, tile.index * _TILE_BYTES, tile.width * HASH_BYTES)

    def file(self, tile: Tile) -> bytes:
        """Return a tile or an entry bundle; raises `Malformed` where it is not there."""
        if tile.level == ENTRIES:
            return encode_bundle(self.entries(tile.index * TILE_WIDTH, tile.width))
        return self.tile(tile)

    def proof(self, plan: Plan, size: int) -> Proof:
        """Return what a plan wants of the tree of that size; raises `Malformed`."""
        return plan.read(reader_of(size, self.tile))

    def note(self, name: str, key: VerifierKey) -> tuple[Note, Checkpoint] | None:
        """Return `HEAD` or `CHECKPOINT` if the log's own key signed it."""
        try:
            note = parse_note((self.directory / name).read_bytes())
            note.opened([key])
            seen = parse_checkpoint(note.text)
        except (FileNotFoundError, Malformed, Refuted):
            return None
        return (note, seen) if seen.origin == key.name else None

    def keep(self, name: str, content: bytes) -> None:
        """Write one of the small files; durable on return."""
        durable.replace(self.directory / name, content)

    def key(self) -> VerifierKey | None:
        """Return the log's verifier key, None before its first start."""
        try:
            return parse_verifier_key((self.directory / KEY).read_text(encoding="utf-8").strip())
        except (FileNotFoundError, Malformed):
            return None

    def salt_key(self) -> bytes:
        """Return the key of the salts."""
        return (self.directory / SALT).read_bytes()


def numbers(data: Path) -> list[int]:
    """Return which logs were begun in a data directory, in order."""
    found = (path.name for path in (data / DIRECTORY).glob("*"))
    return sorted(int(name) for name in found if name.isdecimal())


def files_of(data: Path, number: int) -> TreeFiles:
    """Return the files of the log of that number."""
    return TreeFiles(data / DIRECTORY / str(number))


def _write(path: Path, pieces: Iterable[tuple[int, bytes]]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for place, content in pieces:
            left = memoryview(content)
            while left:
                left = left[os.pwrite(descriptor, left, place + len(content) - len(left)) :]
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, place: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(place)
            content = file.read(length)
    except FileNotFoundError:
        content = b""
    if len(content) != length:
        raise Malformed(f"The tree's file {path.name} is too short.")
    return content
