"""The distributed engine: records, feeds and leases on PostgreSQL, blobs on a port it is given."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from rempart.core.clock import Clock
from rempart.engine.distributed.committer import Committer
from rempart.engine.distributed.records import (
    PostgresFeeds,
    PostgresLeases,
    PostgresRecords,
    Reader,
)
from rempart.engine.distributed.schema import prepare
from rempart.engine.distributed.session import Session, configure, connect
from rempart.engine.seam import Blobs

READERS_MAX = 8
READER_WAIT_SECONDS_MAX = 10.0


class PostgresEngine:
    """The four ports; several processes may share one database."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Session],
        committer: Committer,
        blobs: Blobs,
    ) -> None:
        self._pool = pool
        self._committer = committer
        self._blobs = blobs
        reader = Reader(pool)
        self._records = PostgresRecords(reader, committer)
        self._feeds = PostgresFeeds(reader)
        self._leases = PostgresLeases(committer)

    @classmethod
    async def open(cls, dsn: str, blobs: Blobs, *, clock: Clock | None = None) -> PostgresEngine:
        """Connect to the primary at `dsn` and create the tables if they are missing.

        Leases go by the database's clock unless another is given. Raises `Unavailable`, or
        `UnfitServer` for a server that does not sync what it acknowledges.
        """
        session = await connect(dsn)
        try:
            await prepare(session)
        except BaseException:
            await session.close()
            raise
        pool = AsyncConnectionPool[Session](
            dsn,
            connection_class=AsyncConnection[tuple[object, ...]],
            min_size=1,
            max_size=READERS_MAX,
            timeout=READER_WAIT_SECONDS_MAX,
            configure=configure,
            open=False,
        )
        await pool.open()
        return cls(pool, Committer(dsn, session, clock), blobs)

    @property
    def records(self) -> PostgresRecords:
        """Return the records port."""
        return self._records

    @property
    def blobs(self) -> Blobs:
        """Return the blobs port."""
        return self._blobs

    @property
    def feeds(self) -> PostgresFeeds:
        """Return the feeds port."""
        return self._feeds

    @property
    def leases(self) -> PostgresLeases:
        """Return the leases port."""
        return self._leases

    async def close(self) -> None:
        """Finish what was accepted and release everything; the blobs are the caller's to close."""
        await self._committer.close()
        await self._pool.close()
