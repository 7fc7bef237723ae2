"""Which entries of some log buckets a filter matches, a page at a time, in the order of time.

Segments are read nearest first, and no further than the page reaches. A page holds what it returns
and one segment; the event loop gets its turn after each segment.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from rempart.core.errors import data_loss, unavailable
from rempart.engine.seam import Key
from rempart.services.logging.kinds import BODIES, COLUMNS, SEGMENT, Bodies, Segment
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.pruning import may_match
from rempart.services.logging.model.segment import (
    BLOCK_ENTRIES,
    Stored,
    block,
    decoded,
    rows_of,
)
from rempart.services.logging.query.evaluate import mask, rows
from rempart.services.logging.query.table import Table
from rempart.services.logging.query.tree import Both, Node
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import SealedEngine, scanned

ANSWER_BYTES_MAX = 3 << 20
"""Of the entries in one page: a gRPC client takes 4 MiB unless told otherwise."""

BLOCKS_HELD_MAX = 16
ATTEMPTS_MAX = 5

Place = tuple[int, str, str]
"""Where an entry stands in the order: its time, insertId and log."""


@dataclass(frozen=True, slots=True)
class Source:
    """A log bucket, and what of it may be seen."""

    bucket: BucketName
    visible: Node


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: a filter, the order, how many, and after which entry."""

    node: Node
    newest_first: bool
    size: int
    after: Place | None = None
    since: int = 0
    """Of segments in which nothing was received later, none is read."""

    def admits(self, place: Place) -> bool:
        """Tell whether an entry comes after the last page's end."""
        if self.after is None:
            return True
        return place < self.after if self.newest_first else place > self.after

    def passed(self, segment: Segment) -> bool:
        """Tell whether the last page ended after all of a segment."""
        if self.after is None:
            return False
        time = self.after[0]
        return segment.first > time if self.newest_first else segment.last < time

    def beyond(self, segment: Segment, place: Place) -> bool:
        """Tell whether a segment, and all that come after it, lie behind an entry."""
        return segment.last < place[0] if self.newest_first else segment.first > place[0]


@dataclass(frozen=True, slots=True)
class _Hit:
    """An entry that matches: its place, its segment, and its row there."""

    place: Place
    key: Key
    row: int
    entry: Entry | None


class JoinedError(Exception):
    """A segment was joined with others, or went with its age, while it was looked at."""


async def search(
    sealed: SealedEngine, sources: Sequence[Source], query: Query
) -> tuple[list[Entry], bool]:
    """Return a page of entries, and whether there are more; copies of an entry count once."""
    for _ in range(ATTEMPTS_MAX):
        with contextlib.suppress(JoinedError):
            return await _search(sealed, sources, query)
    raise unavailable("The log buckets kept changing while they were searched; retry later.")


async def _search(
    sealed: SealedEngine, sources: Sequence[Source], query: Query
) -> tuple[list[Entry], bool]:
    hits: dict[Place, _Hit] = {}
    for node, found in await _nearest_first(sealed, sources, query):
        if len(hits) > query.size:
            hits = _first(hits, query)
            if query.beyond(found.value, max_of(hits, query)):
                break
        for hit in await _hits(sealed, node, found, query):
            hits.setdefault(hit.place, hit)
        await asyncio.sleep(0)
    kept = list(_first(hits, query).values())
    entries = await _opened(sealed, kept[: query.size])
    return entries, len(kept) > len(entries)


def max_of(hits: dict[Place, _Hit], query: Query) -> Place:
    """Return the place that comes last."""
    return min(hits) if query.newest_first else max(hits)


def _first(hits: dict[Place, _Hit], query: Query) -> dict[Place, _Hit]:
    """Return the page's hits and one more, in order."""
    ordered = sorted(hits, reverse=query.newest_first)[: query.size + 1]
    return {place: hits[place] for place in ordered}


async def _nearest_first(
    sealed: SealedEngine, sources: Sequence[Source], query: Query
) -> list[tuple[Node, Found[Segment]]]:
    found: list[tuple[Node, Found[Segment]]] = []
    for source in sources:
        bucket, node = source.bucket, Both((query.node, source.visible))
        span = SEGMENT.under(bucket.container, bucket.location, bucket.id)
        found += [
            (node, one)
            async for one in scanned(sealed, SEGMENT, span)
            if one.value.received >= query.since
            and may_match(node, one.value)
            and not query.passed(one.value)
        ]
    if query.newest_first:
        return sorted(found, key=lambda one: one[1].value.last, reverse=True)
    return sorted(found, key=lambda one: one[1].value.first)


async def _hits(
    sealed: SealedEngine, node: Node, found: Found[Segment], query: Query
) -> list[_Hit]:
    segment, key = found.value, found.key
    table, entries = await _table(sealed, key, segment)
    numbers = rows(mask(node, table), segment.count)
    if not numbers:
        return []
    if entries:
        hits = [_Hit(entries[row].key, key, row, entries[row]) for row in numbers]
    else:
        places = _places(table)
        hits = [_Hit(places(row), key, row, None) for row in numbers]
    return [hit for hit in hits if query.admits(hit.place)]


def _places(table: Table) -> Callable[[int], Place]:
    """Return what tells where a row's entry stands."""
    insert_id, log = table.column("insertId"), table.column("logName")
    if insert_id is None or log is None:
        raise data_loss("A segment of a log bucket lacks its columns.")
    ids, logs = insert_id.every(), log.every()
    return lambda row: (table.times[row], str(ids[row][0]), str(logs[row][0]))


async def _table(sealed: SealedEngine, key: Key, segment: Segment) -> tuple[Table, Sequence[Entry]]:
    """Return a segment as a table, and its entries where they had to be read for it."""
    if not segment.entries:
        stored = await sealed.find(COLUMNS, _beside(COLUMNS.tag, key))
        if stored is not None:
            return Stored(stored.value), ()
    entries = await entries_of(sealed, key, segment)
    return rows_of(entries), entries


async def entries_of(sealed: SealedEngine, key: Key, segment: Segment) -> list[Entry]:
    """Return all entries of a segment."""
    if segment.entries:
        return decoded(segment.entries)
    bodies = await _bodies(sealed, key)
    return [one for at in range(len(bodies.blocks)) for one in decoded(block(bodies, at))]


async def _bodies(sealed: SealedEngine, key: Key) -> Bodies:
    """Return what lies beside a segment; raises `JoinedError` where that is gone by now."""
    bodies = await sealed.find(BODIES, _beside(BODIES.tag, key))
    if bodies is not None:
        return bodies.value
    if await sealed.find(SEGMENT, key) is None:
        raise JoinedError
    raise data_loss("The entries of a segment of a log bucket are missing.")


def _beside(tag: bytes, key: Key) -> Key:
    return Key(tag + key[1:])


async def _opened(sealed: SealedEngine, hits: list[_Hit]) -> list[Entry]:
    """Return the entries of hits, as many as fit an answer and one at least."""
    entries, size = list[Entry](), 0
    blocks: OrderedDict[tuple[Key, int], list[Entry]] = OrderedDict()
    for hit in hits:
        entry = hit.entry or await _in_block(sealed, hit, blocks)
        size += len(msgspec.json.encode(entry.document))
        if entries and size > ANSWER_BYTES_MAX:
            break
        entries.append(entry)
    return entries


async def _in_block(
    sealed: SealedEngine, hit: _Hit, blocks: OrderedDict[tuple[Key, int], list[Entry]]
) -> Entry:
    number, row = divmod(hit.row, BLOCK_ENTRIES)
    held = blocks.get((hit.key, number))
    if held is None:
        bodies = await _bodies(sealed, hit.key)
        held = blocks[hit.key, number] = decoded(block(bodies, number))
        if len(blocks) > BLOCKS_HELD_MAX:
            blocks.popitem(last=False)
        await asyncio.sleep(0)
    return held[row]
