"""Records, payloads and feeds on SQLite: reads at once on the event loop, writes in groups."""

from __future__ import annotations

import apsw

from rempart.engine.embedded.applier import FEED_ENTRIES_BITS, Applier
from rempart.engine.embedded.cache import RecordCache
from rempart.engine.embedded.committer import Committer
from rempart.engine.embedded.payloads import PayloadCache
from rempart.engine.embedded.rows import Row, rows
from rempart.engine.rules import check_batch, check_key, check_span
from rempart.engine.seam import (
    GENESIS,
    SCAN_RECORDS_MAX,
    Batch,
    Committed,
    FeedEntry,
    Key,
    PayloadId,
    Record,
    Span,
    Unavailable,
)

ENTRIES_READ_MAX = 10_000

_FORWARD = """SELECT key, version, value FROM records
  WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"""
_REVERSE = """SELECT key, version, value FROM records
  WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?"""


class Reader:
    """The connection that reads, on the event loop.

    A point read takes microseconds; a hop to a thread would take fifty.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._cursor = connection.cursor()

    def rows(self, kind: type[Row], query: str, *values: apsw.SQLiteValue) -> list[Row]:
        """Return all rows, each a tuple as `kind` says; raises `Unavailable`."""
        try:
            return rows(self._cursor, kind, query, *values)
        except apsw.Error as error:
            raise Unavailable(f"a read failed: {error}") from error


class EmbeddedRecords:
    """The records port."""

    def __init__(
        self, reader: Reader, cache: RecordCache, applier: Applier, committer: Committer
    ) -> None:
        self._reader = reader
        self._cache = cache
        self._applier = applier
        self._committer = committer
        self._payloads = PayloadCache()

    async def get(self, key: Key) -> Record | None:
        """Return the record, or None."""
        known, record = self._cache.get(key)
        if known:
            return record
        check_key(key)
        found = self._reader.rows(
            tuple[int, bytes], "SELECT version, value FROM records WHERE key = ?", key
        )
        record = Record(key, *found[0]) if found else None
        self._cache.keep(key, record)
        return record

    async def scan(self, span: Span, *, limit: int, reverse: bool = False) -> list[Record]:
        """Return up to `limit` records of the span in key order, from one consistent state."""
        check_span(span)
        query = _REVERSE if reverse else _FORWARD
        count = max(0, min(limit, SCAN_RECORDS_MAX))
        found = self._reader.rows(tuple[Key, int, bytes], query, span.start, span.end, count)
        return [Record(*row) for row in found]

    async def payload(self, payload_id: PayloadId) -> bytes | None:
        """Return a payload, or None."""
        kept = self._payloads.get(payload_id)
        if kept is not None:
            return kept
        found = self._reader.rows(
            tuple[bytes], "SELECT value FROM payloads WHERE id = ?", payload_id
        )
        if not found:
            return None
        self._payloads.keep(payload_id, found[0][0])
        return found[0][0]

    async def commit(self, batch: Batch) -> Committed:
        """Apply the batch; durable on return."""
        size = check_batch(batch)
        committed = await self._committer.submit(lambda: self._applier.apply(batch), size)
        for payload in batch.payload_deletes:
            self._payloads.drop(payload)
        return committed


class EmbeddedFeeds:
    """The feeds port."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def head(self, feed: str) -> tuple[int, bytes]:
        """Return how many entries the feed has and its last chain value."""
        found = self._reader.rows(
            tuple[int, bytes], "SELECT size, chain FROM feeds WHERE name = ?", feed
        )
        return found[0] if found else (0, GENESIS)

    async def read(self, feed: str, start: int, *, limit: int) -> list[FeedEntry]:
        """Return up to `limit` entries from index `start` on."""
        numbers = self._reader.rows(
            tuple[int, int], "SELECT id, size FROM feeds WHERE name = ?", feed
        )
        if not numbers or start >= numbers[0][1]:
            return []
        first = numbers[0][0] << FEED_ENTRIES_BITS
        found = self._reader.rows(
            tuple[int, bytes, bytes, bytes],
            "SELECT id - ?1, chain, entry, content FROM entries"
            " WHERE id >= ?2 AND id < ?3 LIMIT ?4",
            first,
            first + max(start, 0),
            first + (1 << FEED_ENTRIES_BITS),
            max(0, min(limit, ENTRIES_READ_MAX)),
        )
        return [FeedEntry(*row) for row in found]
