"""From entries to a segment and back.

A small segment is its entries' JSON. A larger one has columns beside it, by which a filter finds
rows without opening entries, and its JSON in compressed blocks, of which only those are opened that
hold a row that is shown.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Sequence

import msgspec

from rempart.core.clock import Micros
from rempart.services.logging.kinds import Bodies, Columns, Segment
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.query.column import Column
from rempart.services.logging.query.moments import MICROS, nanos
from rempart.services.logging.query.table import Rows
from rempart.services.logging.query.transposed import columns

SEGMENT_ENTRIES_MAX = 4096
"""So many that two bytes number every value of a column, and one opening costs a millisecond."""

SEGMENT_BYTES_MAX = 8 << 20
"""Of JSON: what one search holds in memory at a time."""

INLINE_ENTRIES_MAX = 64
INLINE_BYTES_MAX = 64 << 10
COLUMNS_MAX = 512
BLOCK_ENTRIES = 64
_LEVEL = 1
_UNFILTERED = frozenset(("timestamp",))
_decode = msgspec.json.Decoder(dict[str, object]).decode
_column = msgspec.msgpack.Decoder(Column).decode
_encode = msgspec.msgpack.Encoder().encode


class Built(msgspec.Struct, frozen=True):
    """A segment with what lies apart, if it is not small."""

    segment: Segment
    columns: Columns | None = None
    bodies: Bodies | None = None


def build(entries: Iterable[Entry]) -> Built:
    """Return the segment of entries, of which there is one at least; copies are dropped."""
    unique = {one.key: one for one in entries}
    ordered = [unique[key] for key in sorted(unique)]
    lines = [msgspec.json.encode(one.document) for one in ordered]
    size = sum(map(len, lines))
    small = len(ordered) <= INLINE_ENTRIES_MAX and size <= INLINE_BYTES_MAX
    segment = Segment(
        count=len(ordered),
        size=size,
        first=ordered[0].time,
        last=ordered[-1].time,
        received=_received(ordered),
        logs=sorted({str(one.document["logName"]) for one in ordered}),
        severities=sorted({str(one.document["severity"]) for one in ordered}),
        entries=b"\n".join(lines) if small else b"",
    )
    if small:
        return Built(segment)
    blocks = [
        zlib.compress(b"\n".join(lines[at : at + BLOCK_ENTRIES]), _LEVEL)
        for at in range(0, len(lines), BLOCK_ENTRIES)
    ]
    return Built(segment, _columns(ordered), Bodies(blocks))


def decoded(lines: bytes) -> list[Entry]:
    """Return the entries of JSON lines."""
    documents = map(_decode, lines.split(b"\n"))
    return [Entry(nanos(str(one["timestamp"])) or 0, one) for one in documents]


def block(bodies: Bodies, number: int) -> bytes:
    """Return the JSON lines of a block."""
    return zlib.decompress(bodies.blocks[number])


def rows_of(entries: Sequence[Entry]) -> Rows:
    """Return entries, sorted by time, as a table."""
    return Rows([one.time for one in entries], columns([one.document for one in entries]))


class Stored:
    """The table of a segment's columns, each decoded when it is first asked for."""

    __slots__ = ("_columns", "_decoded", "times")

    def __init__(self, stored: Columns) -> None:
        self.times: Sequence[int] = array("q", stored.times)
        self._columns = stored.columns
        self._decoded: dict[str, Column] = {}

    @property
    def names(self) -> Iterable[str]:
        """Return the names of the columns."""
        return self._columns

    def column(self, name: str) -> Column | None:
        """Return a column, or None."""
        known = self._decoded.get(name)
        if known is None and name in self._columns:
            known = self._decoded[name] = _column(zlib.decompress(self._columns[name]))
        return known


def _columns(ordered: Sequence[Entry]) -> Columns | None:
    """Return the columns, or None where there are too many: then entries are read themselves."""
    made = columns([one.document for one in ordered])
    if len(made) > COLUMNS_MAX:
        return None
    kept = {
        name: zlib.compress(_encode(one), _LEVEL)
        for name, one in made.items()
        if name not in _UNFILTERED
    }
    return Columns(array("q", [one.time for one in ordered]).tobytes(), kept)


def _received(ordered: Sequence[Entry]) -> Micros:
    # As texts without their Z they are ordered as times, and only one needs to be read.
    newest = max(str(one.document["receiveTimestamp"])[:-1] for one in ordered)
    return Micros((nanos(newest) or 0) // MICROS)
