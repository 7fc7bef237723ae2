"""Connections to PostgreSQL that keep the seam's promises, and what its errors mean.

Refuses a server that does not sync what it acknowledges, and a standby: a standby can show commits
in another order than the primary did, so nothing is ever read from one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

import psycopg
from psycopg import errors

from rempart.engine.seam import EngineError, OutOfSpace, Unavailable

Session = psycopg.AsyncConnection[tuple[object, ...]]
Cursor = psycopg.AsyncCursor[tuple[object, ...]]
Values = Sequence[object] | Mapping[str, object]

STATEMENT_MILLISECONDS_MAX = 30_000
IDLE_IN_TRANSACTION_MILLISECONDS_MAX = 10_000

# Every query has one right plan, along the index: without these the planner, which knows nothing of
# a young table, sorts it whole for a page of ten.
_SETTINGS = f"""
SET statement_timeout = {STATEMENT_MILLISECONDS_MAX};
SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MILLISECONDS_MAX};
SET default_transaction_isolation = 'read committed';
SET jit = off;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
"""

_CHECKS = """
SELECT pg_is_in_recovery()::text, current_setting('fsync'), current_setting('full_page_writes'),
  current_setting('synchronous_commit')
"""


class UnfitServer(EngineError):  # noqa: N818 - an outcome, named as what it says
    """The PostgreSQL server cannot keep the engine's promises."""


async def connect(dsn: str) -> Session:
    """Return a checked connection in autocommit mode; raises `Unavailable` or `UnfitServer`."""
    try:
        session: Session = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    except psycopg.Error as error:
        raise Unavailable("PostgreSQL cannot be reached") from error
    try:
        await configure(session)
    except psycopg.Error as error:
        await session.close()
        raise meaning(error) from error
    except EngineError:
        await session.close()
        raise
    return session


async def configure(session: Session) -> None:
    """Set and check what every connection needs; raises `Unavailable` or `UnfitServer`."""
    await session.set_autocommit(True)
    await session.execute(_SETTINGS)
    found = await rows(session, tuple[str, str, str, str], _CHECKS)
    recovering, fsync, full_pages, commit = found[0]
    if recovering != "false":
        raise Unavailable("PostgreSQL is a standby; the primary is needed")
    for name, value in (("fsync", fsync), ("full_page_writes", full_pages)):
        if value != "on":
            raise UnfitServer(f"PostgreSQL runs with {name} = {value}: it must be on")
    if commit == "off":
        raise UnfitServer("PostgreSQL runs with synchronous_commit = off: it must not")


Row = TypeVar("Row", bound=tuple[object, ...])


async def ask(session: Session, query: str, values: Values = ()) -> Cursor:
    """Send a query; results travel in binary form."""
    cursor = session.cursor(binary=True)
    # As bytes: the driver takes text for a literal only, and a layout constant is part of ours.
    await cursor.execute(query.encode(), values)
    return cursor


async def fetch(cursor: Cursor, kind: type[Row]) -> list[Row]:
    """Return all rows of an answer whose columns are as the tuple type `kind` says."""
    del kind
    return cast(list[Row], await cursor.fetchall())


async def rows(session: Session, kind: type[Row], query: str, values: Values = ()) -> list[Row]:
    """Send a query and return its rows."""
    return await fetch(await ask(session, query, values), kind)


def meaning(error: psycopg.Error) -> EngineError:
    """Return what a database error means to a caller of the seam."""
    if isinstance(error, errors.DiskFull):
        return OutOfSpace("PostgreSQL's disk is full")
    return Unavailable(f"PostgreSQL failed: {type(error).__name__} {error.sqlstate or ''}".strip())
