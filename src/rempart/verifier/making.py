"""Makes the file of a proof bundle out of what was collected."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from msgspec import structs

from rempart.tlog.note import Note, parse_note
from rempart.tlog.policy import parse_policy
from rempart.tlog.tiles import Tile
from rempart.verifier.archive import PIECE_BYTES, Writer
from rempart.verifier.bundle import (
    CHECKPOINT,
    EARLIER,
    MANIFEST,
    OPENINGS,
    POLICY,
    README_NAME,
    RECEIPTS,
    Line,
    Manifest,
    encode,
    size_of,
)
from rempart.verifier.readme import README
from rempart.verifier.receipts import Receipt, encode_receipts
from rempart.verifier.tree import needed


@dataclass(frozen=True, slots=True)
class Collected:
    """What goes into a bundle; the openings come in order, and are gone through once.

    The manifest's `receipts` and `earlier` are told by what there is of them.
    """

    manifest: Manifest
    policy: bytes
    checkpoint: bytes
    openings: Iterable[Line]
    receipts: tuple[Receipt, ...] = ()
    earlier: tuple[Note, ...] = ()


def write_bundle(file: BinaryIO, collected: Collected, tiles: Callable[[Tile], bytes]) -> None:
    """Write the bundle to a new file, with its tiles from `tiles`; raises `Malformed`."""
    writer, indices = Writer(file), array("Q")
    writer.add(README_NAME, [README])
    earlier = sorted(collected.earlier, key=size_of)
    manifest = structs.replace(
        collected.manifest,
        receipts=len(collected.receipts),
        earlier=tuple(map(size_of, earlier)),
    )
    writer.add(MANIFEST, [encode(manifest) + b"\n"])
    writer.add(POLICY, [parse_policy(collected.policy).encode()])
    writer.add(CHECKPOINT, [collected.checkpoint])
    writer.add(OPENINGS, _pieces(collected.openings, indices))
    writer.add(RECEIPTS, [encode_receipts(collected.receipts)])
    for note in earlier:
        writer.add(f"{EARLIER}{size_of(note)}", [note.encode()])
    for tile in _tiles(collected, indices):
        writer.add(tile.path, [tiles(tile)])
    writer.finish()


def _tiles(collected: Collected, indices: Sequence[int]) -> list[Tile]:
    size = size_of(parse_note(collected.checkpoint))
    tied = [*indices, *(one.index for one in collected.receipts)]
    return sorted(needed(size, tied, map(size_of, collected.earlier)))


def _pieces(lines: Iterable[Line], indices: array[int]) -> Iterator[bytes]:
    piece = bytearray()
    for line in lines:
        indices.append(line.index)
        piece += encode(line) + b"\n"
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)
