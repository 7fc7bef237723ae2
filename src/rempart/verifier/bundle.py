"""A proof bundle: its members, each with one accepted spelling (docs/spec/proof.md).

Nothing here is verified but the format: `checks` does the rest.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.commitment import SALT_BYTES
from rempart.tlog.errors import Malformed
from rempart.tlog.note import NOTE_BYTES_MAX, Note, parse_note
from rempart.tlog.policy import POLICY_BYTES_MAX, Policy, parse_policy
from rempart.tlog.text import NUMBER_MAX
from rempart.tlog.tiles import ENTRIES, Tile, parse_path
from rempart.verifier.archive import ARCHIVE_BYTES_MAX, Member, read_members
from rempart.verifier.leaf import NOT_JSON
from rempart.verifier.readme import README
from rempart.verifier.receipts import RECEIPTS_BYTES_MAX, Receipt, parse_receipts

FORMAT = "rempart.proof.v1"
README_NAME, MANIFEST, POLICY, CHECKPOINT = "README.txt", "bundle.json", "policy", "checkpoint"
OPENINGS, RECEIPTS, EARLIER = "openings.jsonl", "receipts", "earlier/"
NAMES = (README_NAME, MANIFEST, POLICY, CHECKPOINT, OPENINGS, RECEIPTS)
MANIFEST_BYTES_MAX = 4 << 20
LINE_BYTES_MAX = 4 << 20
_LIMITS = {
    README_NAME: len(README),
    MANIFEST: MANIFEST_BYTES_MAX,
    POLICY: POLICY_BYTES_MAX,
    CHECKPOINT: NOTE_BYTES_MAX,
    OPENINGS: ARCHIVE_BYTES_MAX,
    RECEIPTS: RECEIPTS_BYTES_MAX,
}


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """Whose entries a bundle opens, and that they are all from `start` up to `to`, exclusive.

    `statements` are the entries of the log that say how many there are, one after the other;
    `receipts` how many receipts it has, `earlier` the sizes of the older trees.
    """

    format: str
    parent: str
    start: int
    to: int
    statements: tuple[int, ...]
    receipts: int = 0
    earlier: tuple[int, ...] = ()


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One line of `openings.jsonl`."""

    index: int
    salt: bytes
    leaf: str


class NoBundle(Malformed):
    """The file is another than was meant: it does not begin as any bundle does."""


_NAME_AT = 30
"""Where the name of an archive's first member stands."""

Parsed = TypeVar("Parsed")
encode = msgspec.json.Encoder().encode
_line = msgspec.json.Decoder(Line)
_manifest = msgspec.json.Decoder(Manifest)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a file holds, read; `tiles` are views into it, `earlier` older checkpoints."""

    manifest: Manifest
    hint: Policy
    note: Note
    receipts: tuple[Receipt, ...]
    earlier: tuple[Note, ...]
    tiles: Mapping[Tile, memoryview]
    openings: memoryview

    def lines(self) -> Iterator[Line]:
        """Iterate over the openings; raises `Malformed` with the number of the line at fault."""
        last = -1
        for number, content in enumerate(_split(self.openings), start=1):
            where = f"{OPENINGS} line {number}"
            line = parse_line(content, where)
            if line.index <= last:
                raise Malformed(f"{where}: entry {line.index} does not come after entry {last}.")
            last = line.index
            yield line


def open_bundle(path: Path) -> Bundle:
    """Return the bundle in a file; raises `NoBundle`, `Malformed`, or `OSError`."""
    with path.open("rb") as file:
        named = file.read(_NAME_AT + len(README_NAME))[_NAME_AT:]
        if named != README_NAME.encode():
            raise NoBundle(f"{path} is no proof bundle.")
        return parse_bundle(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


def read_checkpoint(path: Path) -> Note:
    """Return the checkpoint in a file, or the one of a bundle; raises `Malformed` or `OSError`."""
    with path.open("rb") as file:
        content = file.read(NOTE_BYTES_MAX + 1)
    if content.startswith(b"PK"):
        return open_bundle(path).note
    try:
        return parse_note(content)
    except Malformed as problem:
        raise Malformed(f"{path}: {problem}") from None


def parse_bundle(content: memoryview) -> Bundle:
    """Return the bundle of these bytes; raises `Malformed`."""
    members = read_members(content)
    names = tuple(one.name for one in members[: len(NAMES)])
    if names != NAMES:
        raise Malformed(f"The bundle does not begin with {', '.join(NAMES)}.")
    held = {one.name: _limited(content, one) for one in members[: len(NAMES)]}
    if held[README_NAME] != README:
        raise Malformed(f"{README_NAME} is not the text of the format.")
    others = members[len(NAMES) :]
    older = tuple(one for one in others if one.name.startswith(EARLIER))
    bundle = Bundle(
        parse_manifest(bytes(held[MANIFEST])),
        _read(POLICY, _policy, held),
        _read(CHECKPOINT, parse_note, held),
        _read(RECEIPTS, parse_receipts, held),
        _earlier(content, older),
        _tiles(content, others[len(older) :]),
        held[OPENINGS],
    )
    claimed = bundle.manifest.receipts, bundle.manifest.earlier
    if claimed != (len(bundle.receipts), tuple(map(size_of, bundle.earlier))):
        raise Malformed(f"{MANIFEST} claims other receipts or older checkpoints than there are.")
    return bundle


def size_of(note: Note) -> int:
    """Return how many entries the tree of a checkpoint has; raises `Malformed`."""
    return parse_checkpoint(note.text).size


def parse_manifest(content: bytes) -> Manifest:
    """Return what `bundle.json` says; raises `Malformed`."""
    try:
        found = _manifest.decode(content)
    except NOT_JSON as problem:
        raise Malformed(f"{MANIFEST}: {problem}.") from None
    if content != encode(found) + b"\n":
        raise Malformed(f"{MANIFEST} is not in its one spelling.")
    if found.format != FORMAT:
        raise Malformed(f"{MANIFEST}: the format is not {FORMAT}.")
    numbers = (found.start, found.to, *found.statements)
    ordered = sorted(set(found.statements)) == list(found.statements)
    if not ordered or not all(0 <= it <= NUMBER_MAX for it in numbers):
        raise Malformed(f"{MANIFEST}: its numbers are not in order.")
    return found


def parse_line(content: bytes, where: str) -> Line:
    """Return one line, without its newline; raises `Malformed`."""
    try:
        line = _line.decode(content)
    except NOT_JSON as problem:
        raise Malformed(f"{where}: {problem}.") from None
    if encode(line) != content or not 0 <= line.index < NUMBER_MAX:
        raise Malformed(f"{where} is not in its one spelling.")
    if len(line.salt) != SALT_BYTES:
        raise Malformed(f"{where}: a salt has {SALT_BYTES} bytes.")
    return line


def _read(name: str, parse: Callable[[bytes], Parsed], held: Mapping[str, memoryview]) -> Parsed:
    try:
        return parse(bytes(held[name]))
    except Malformed as problem:
        raise Malformed(f"{name}: {problem}") from None


def _policy(content: bytes) -> Policy:
    policy = parse_policy(content)
    if policy.encode() != content:
        raise Malformed("it is not in its one spelling.")
    return policy


def _earlier(content: memoryview, members: tuple[Member, ...]) -> tuple[Note, ...]:
    """Return the older checkpoints, each under the size of its tree, the smallest first."""
    notes, last = [], -1
    for one in members:
        if one.size > NOTE_BYTES_MAX:
            raise Malformed(f"{one.name} has more than {NOTE_BYTES_MAX} bytes.")
        note = parse_note(bytes(content[one.start : one.end]))
        size = size_of(note)
        if one.name != f"{EARLIER}{size}" or size <= last:
            raise Malformed(f"{one.name} is not named for its tree, or not in order.")
        notes.append(note)
        last = size
    return tuple(notes)


def _limited(content: memoryview, one: Member) -> memoryview:
    if one.size > _LIMITS[one.name]:
        raise Malformed(f"{one.name} has more than {_LIMITS[one.name]} bytes.")
    return content[one.start : one.end]


def _tiles(content: memoryview, members: tuple[Member, ...]) -> dict[Tile, memoryview]:
    tiles: dict[Tile, memoryview] = {}
    last: Tile | None = None
    for one in members:
        tile = parse_path(one.name)
        if tile.level == ENTRIES or (last is not None and tile <= last):
            raise Malformed(f"{one.name} has no place in a bundle, or not there.")
        tiles[tile] = content[one.start : one.end]
        last = tile
    return tiles


def _split(content: memoryview) -> Iterator[bytes]:
    """Iterate over lines without copying the whole."""
    rest, at = b"", 0
    while at < len(content):
        piece = rest + bytes(content[at : at + LINE_BYTES_MAX])
        at += LINE_BYTES_MAX
        *lines, rest = piece.split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            raise Malformed(f"A line of {OPENINGS} has more than {LINE_BYTES_MAX} bytes.")
        yield from lines
    if rest:
        raise Malformed(f"{OPENINGS} does not end in a newline.")
