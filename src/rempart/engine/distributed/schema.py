"""The tables, and creating them once."""

from __future__ import annotations

from rempart.engine.distributed.session import Session, UnfitServer, rows

SCHEMA_VERSION = 2

_LOCK = 0x52656D70617274
"""The advisory lock under which one process creates the tables."""

# An index entry holds at most 2,704 bytes and a key may be longer: the index orders by the first
# 2,048 bytes of the key, and a hash of the rest makes it unique.
_TABLES = """
CREATE SCHEMA IF NOT EXISTS rempart;
CREATE TABLE IF NOT EXISTS rempart.meta (
  id int PRIMARY KEY CHECK (id = 1), schema int NOT NULL, version bigint NOT NULL);
INSERT INTO rempart.meta VALUES (1, 2, 0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS rempart.records (
  key bytea NOT NULL, version bigint NOT NULL, value bytea NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS records_key ON rempart.records
  (substr(key, 1, 2048), sha256(substr(key, 2049)));
CREATE TABLE IF NOT EXISTS rempart.payloads (id bigint PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE IF NOT EXISTS rempart.feeds (
  name text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, chain bytea NOT NULL);
CREATE TABLE IF NOT EXISTS rempart.entries (
  feed text COLLATE "C" NOT NULL, index bigint NOT NULL, chain bytea NOT NULL,
  entry bytea NOT NULL, content bytea NOT NULL, PRIMARY KEY (feed, index));
CREATE TABLE IF NOT EXISTS rempart.leases (
  name text COLLATE "C" PRIMARY KEY, holder text NOT NULL, fence bigint NOT NULL,
  expires double precision NOT NULL);
"""


async def prepare(session: Session) -> None:
    """Create what is missing; raises `UnfitServer` if a later release wrote the tables."""
    async with session.transaction():
        await session.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await session.execute(_TABLES.encode())
        found = await rows(session, tuple[int], "SELECT schema FROM rempart.meta")
        if found[0][0] < SCHEMA_VERSION:
            raise UnfitServer(
                f"the store has schema {found[0][0]}, of a development release;"
                f" this one reads schema {SCHEMA_VERSION}: copy the data over with that release"
            )
        if found[0][0] > SCHEMA_VERSION:
            raise UnfitServer(f"the store has schema {found[0][0]}, later than {SCHEMA_VERSION}")
