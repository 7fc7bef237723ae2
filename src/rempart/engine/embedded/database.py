"""Opening SQLite so that it keeps the seam's promises: sealed pages, WAL, full syncs, one schema.

Refuses SQLite before 3.51.3: earlier ones can corrupt a database that several connections write
and checkpoint in WAL mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import apsw

from rempart.engine.embedded.refusals import Cipher, NewerData, OpenRefused, Unfit, WrongKey
from rempart.engine.embedded.rows import rows

SQLITE_OLDEST = (3, 51, 3)
SCHEMA_VERSION = 2
KEY_BYTES = 32
SYNCHRONOUS_FULL = 2
PAGE_BYTES = 8192
READ_CACHE_KIB = 64 << 10
WRITE_CACHE_KIB = 64 << 10
CHECKPOINT_CACHE_KIB = 1 << 10

_SCHEMA = """
CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), schema INTEGER, version INTEGER);
CREATE TABLE records (key BLOB PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL)
  WITHOUT ROWID;
CREATE TABLE payloads (id INTEGER PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE feeds (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL, chain BLOB NOT NULL);
CREATE TABLE entries (id INTEGER PRIMARY KEY, chain BLOB NOT NULL, entry BLOB NOT NULL,
  content BLOB NOT NULL);
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, fence INTEGER NOT NULL,
  expires REAL NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Database:
    """The three connections: one writes, one reads on the event loop, one moves the WAL along."""

    writer: apsw.Connection
    reader: apsw.Connection
    checkpointer: apsw.Connection

    def close(self) -> None:
        """Fold the WAL into the database and close."""
        self.reader.close()
        self.checkpointer.close()
        try:
            self.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            self.writer.close()

    def abandon(self) -> None:
        """Close without writing anything: after a fence the files must not be touched."""
        for connection in (self.reader, self.checkpointer, self.writer):
            connection.close()


def open_database(path: Path, key: bytes, cipher: Cipher) -> Database:
    """Open or create the database; raises a kind of `OpenRefused`."""
    check_library(apsw.sqlite_lib_version())
    if len(key) != KEY_BYTES:
        raise WrongKey(f"the key has {KEY_BYTES} bytes")
    opened: list[apsw.Connection] = []
    try:
        writer = _connect(path, key, cipher, opened, cache_kib=WRITE_CACHE_KIB)
        _prepare_writer(writer)
        reader = _connect(path, key, cipher, opened, cache_kib=READ_CACHE_KIB)
        reader.pragma("query_only", 1)
        checkpointer = _connect(path, key, cipher, opened, cache_kib=CHECKPOINT_CACHE_KIB)
        writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        _close_all(opened)
        raise Unfit(f"SQLite cannot open {path.name}: {error}") from error
    except OpenRefused:
        _close_all(opened)
        raise
    return Database(writer, reader, checkpointer)


def check_library(version: str) -> None:
    """Raise `Unfit` for a SQLite library older than `SQLITE_OLDEST`."""
    if tuple(int(part) for part in version.split(".")[:3]) < SQLITE_OLDEST:
        oldest = ".".join(str(part) for part in SQLITE_OLDEST)
        raise Unfit(f"SQLite {version} can corrupt data in WAL mode: {oldest} or later is needed")


def _close_all(connections: list[apsw.Connection]) -> None:
    for connection in connections:
        connection.close()


def _connect(
    path: Path, key: bytes, cipher: Cipher, opened: list[apsw.Connection], *, cache_kib: int
) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    opened.append(connection)
    # Without this, closing after a wrong key would fold a WAL that the key cannot read.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    _unlock(connection, key, cipher)
    connection.pragma("page_size", PAGE_BYTES)
    connection.pragma("cache_size", -cache_kib)
    connection.pragma("temp_store", "MEMORY")
    connection.pragma("synchronous", "FULL")
    connection.wal_autocheckpoint(0)
    return connection


def _unlock(connection: apsw.Connection, key: bytes, cipher: Cipher) -> None:
    connection.pragma("cipher", str(cipher))
    try:
        # The raw form skips the password hash; not cached, so that no statement keeps the key.
        connection.execute(f"PRAGMA key = 'raw:{key.hex()}'", can_cache=False).fetchall()
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.NotADBError:
        raise WrongKey("the key does not open this store, or its first page is damaged") from None


def _prepare_writer(writer: apsw.Connection) -> None:
    if writer.pragma("journal_mode", "WAL") != "wal":
        raise Unfit("SQLite cannot use its write-ahead log on this file system")
    if writer.pragma("synchronous") != SYNCHRONOUS_FULL:
        raise Unfit("SQLite does not sync fully")
    if writer.pragma("page_size") != PAGE_BYTES:
        raise Unfit(f"the page size of the store is not {PAGE_BYTES}")
    with writer:
        _prepare_schema(writer)


def _prepare_schema(writer: apsw.Connection) -> None:
    tables = writer.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    if tables == [(0,)]:
        writer.execute(_SCHEMA)
        writer.execute("INSERT INTO meta VALUES (1, ?, 0)", (SCHEMA_VERSION,))
    found = rows(writer.cursor(), tuple[int], "SELECT schema FROM meta WHERE id = 1")
    if not found:
        raise Unfit("the store has no schema version")
    if found[0][0] < SCHEMA_VERSION:
        raise Unfit(
            f"the store has schema {found[0][0]}, of a development release;"
            f" this one reads schema {SCHEMA_VERSION}: copy the data over with that release"
        )
    if found[0][0] > SCHEMA_VERSION:
        raise NewerData(f"the store has schema {found[0][0]}, this release knows {SCHEMA_VERSION}")
