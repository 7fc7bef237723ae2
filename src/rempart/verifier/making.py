"""Makes the file of a proof bundle out of what was collected."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.note import parse_note
from rempart.tlog.tiles import Tile
from rempart.verifier.archive import PIECE_BYTES, Writer
from rempart.verifier.bundle import (
    CHECKPOINT,
    MANIFEST,
    OPENINGS,
    POLICY,
    README_NAME,
    RECEIPTS,
    Line,
    Manifest,
    encode,
)
from rempart.verifier.readme import README
from rempart.verifier.receipts import Receipt, encode_receipts
from rempart.verifier.tree import needed


@dataclass(frozen=True, slots=True)
class Collected:
    """What goes into a bundle; the openings come in order, and are gone through once."""

    manifest: Manifest
    policy: bytes
    checkpoint: bytes
    openings: Iterable[Line]
    receipts: tuple[Receipt, ...] = ()


def write_bundle(file: BinaryIO, collected: Collected, tiles: Callable[[Tile], bytes]) -> None:
    """Write the bundle to a new file, with its tiles from `tiles`; raises `Malformed`."""
    writer, indices = Writer(file), array("Q")
    writer.add(README_NAME, [README])
    writer.add(MANIFEST, [encode(collected.manifest) + b"\n"])
    writer.add(POLICY, [collected.policy])
    writer.add(CHECKPOINT, [collected.checkpoint])
    writer.add(OPENINGS, _pieces(collected.openings, indices))
    writer.add(RECEIPTS, [encode_receipts(collected.receipts)])
    for tile in _tiles(collected, indices):
        writer.add(tile.path, [tiles(tile)])
    writer.finish()


def _tiles(collected: Collected, indices: Sequence[int]) -> list[Tile]:
    size = parse_checkpoint(parse_note(collected.checkpoint).text).size
    tied = [*indices, *(one.index for one in collected.receipts)]
    return sorted(needed(size, tied, collected.manifest.earlier))


def _pieces(lines: Iterable[Line], indices: array[int]) -> Iterator[bytes]:
    piece = bytearray()
    for line in lines:
        indices.append(line.index)
        piece += encode(line) + b"\n"
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)
