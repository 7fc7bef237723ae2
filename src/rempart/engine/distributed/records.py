"""The records, feeds and leases ports on PostgreSQL."""

from __future__ import annotations

from typing import TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from rempart.engine.distributed.committer import Committer
from rempart.engine.distributed.group import Acquire, Release
from rempart.engine.distributed.session import Session, Values, meaning, rows
from rempart.engine.rules import check_batch, check_key, check_span
from rempart.engine.seam import (
    GENESIS,
    SCAN_RECORDS_MAX,
    Batch,
    Committed,
    FeedEntry,
    Key,
    Lease,
    PayloadId,
    Record,
    Span,
    Unavailable,
)

ENTRIES_READ_MAX = 10_000
ATTEMPTS_MAX = 10

Row = TypeVar("Row", bound=tuple[object, ...])

_GET = """
SELECT version, value FROM rempart.records
  WHERE substr(key, 1, 2048) = substr(%(key)b, 1, 2048) AND key = %(key)b
"""
# The index is on the first bytes of the key; the comparison of whole keys decides.
_FORWARD = """
SELECT key, version, value FROM rempart.records
  WHERE substr(key, 1, 2048) >= substr(%(start)b, 1, 2048) AND key >= %(start)b
  AND substr(key, 1, 2048) <= substr(%(end)b, 1, 2048) AND key < %(end)b
  ORDER BY substr(key, 1, 2048), key LIMIT %(limit)s
"""
_REVERSE = """
SELECT key, version, value FROM rempart.records
  WHERE substr(key, 1, 2048) >= substr(%(start)b, 1, 2048) AND key >= %(start)b
  AND substr(key, 1, 2048) <= substr(%(end)b, 1, 2048) AND key < %(end)b
  ORDER BY substr(key, 1, 2048) DESC, key DESC LIMIT %(limit)s
"""


class Reader:
    """The connections that read: always the primary's, checked when they are made."""

    def __init__(self, pool: AsyncConnectionPool[Session]) -> None:
        self._pool = pool

    async def rows(self, kind: type[Row], query: str, values: Values) -> list[Row]:
        """Return all rows; raises `Unavailable`.

        A server that came back leaves broken connections in the pool: a read takes the next one.
        """
        for _ in range(ATTEMPTS_MAX):
            try:
                session = await self._pool.getconn()
            except PoolTimeout as error:
                raise Unavailable("PostgreSQL cannot be reached") from error
            try:
                return await rows(session, kind, query, values)
            except psycopg.Error as error:
                if not session.closed:
                    raise meaning(error) from error
            finally:
                await self._pool.putconn(session)
        raise Unavailable("PostgreSQL breaks every connection")


class PostgresRecords:
    """The records port."""

    def __init__(self, reader: Reader, committer: Committer) -> None:
        self._reader = reader
        self._committer = committer

    async def get(self, key: Key) -> Record | None:
        """Return the record, or None."""
        check_key(key)
        found = await self._reader.rows(tuple[int, bytes], _GET, {"key": key})
        return Record(key, *found[0]) if found else None

    async def scan(self, span: Span, *, limit: int, reverse: bool = False) -> list[Record]:
        """Return up to `limit` records of the span in key order, from one consistent state."""
        check_span(span)
        count = max(0, min(limit, SCAN_RECORDS_MAX))
        values = {"start": span.start, "end": span.end, "limit": count}
        query = _REVERSE if reverse else _FORWARD
        found = await self._reader.rows(tuple[Key, int, bytes], query, values)
        return [Record(*row) for row in found]

    async def payload(self, payload_id: PayloadId) -> bytes | None:
        """Return a payload, or None."""
        query = "SELECT value FROM rempart.payloads WHERE id = %s"
        found = await self._reader.rows(tuple[bytes], query, (payload_id,))
        return found[0][0] if found else None

    async def commit(self, batch: Batch) -> Committed:
        """Apply the batch; durable on return.

        After `Unavailable` the outcome may be unknown: the connection can break between the commit
        and its answer.
        """
        answer = await self._committer.submit(batch, check_batch(batch))
        if not isinstance(answer, Committed):
            raise TypeError("a batch was answered with something else")
        return answer


class PostgresFeeds:
    """The feeds port."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def head(self, feed: str) -> tuple[int, bytes]:
        """Return how many entries the feed has and its last chain value."""
        query = "SELECT size, chain FROM rempart.feeds WHERE name = %s"
        found = await self._reader.rows(tuple[int, bytes], query, (feed,))
        return found[0] if found else (0, GENESIS)

    async def read(self, feed: str, start: int, *, limit: int) -> list[FeedEntry]:
        """Return up to `limit` entries from index `start` on."""
        query = """SELECT index, chain, entry, content FROM rempart.entries
          WHERE feed = %s AND index >= %s ORDER BY index LIMIT %s"""
        values = (feed, start, max(0, min(limit, ENTRIES_READ_MAX)))
        found = await self._reader.rows(tuple[int, bytes, bytes, bytes], query, values)
        return [FeedEntry(*row) for row in found]


class PostgresLeases:
    """The leases port."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Take a free or expired lease, or extend one's own; None while another holds it."""
        if not name or not holder or seconds <= 0:
            raise ValueError("a lease needs a name, a holder and a time")
        answer = await self._committer.submit(Acquire(name, holder, seconds), 0)
        if isinstance(answer, Committed):
            raise TypeError("a lease was answered with something else")
        return answer

    async def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens if it is no longer ours."""
        await self._committer.submit(Release(lease), 0)
