"""Typed rows from SQLite."""

from __future__ import annotations

from typing import TypeVar, cast

import apsw

Row = TypeVar("Row", bound=tuple[object, ...])


def rows(cursor: apsw.Cursor, kind: type[Row], query: str, *values: apsw.SQLiteValue) -> list[Row]:
    """Return all rows of a query whose columns are as the tuple type `kind` says.

    Reading to the end resets the statement: one left open would keep the WAL from starting anew.
    """
    del kind
    return cast(list[Row], cursor.execute(query, values).fetchall())
