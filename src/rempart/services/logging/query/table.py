"""Entries as a table: its rows are entries, sorted by time, its columns their fields."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from rempart.services.logging.query.column import Column
from rempart.services.logging.query.transposed import SEPARATOR, columns
from rempart.services.logging.query.tree import Path


class Table(Protocol):
    """Some entries, sorted by time, as columns."""

    @property
    def times(self) -> Sequence[int]:
        """Return the timestamp of each row, rising, in nanoseconds."""

    @property
    def names(self) -> Iterable[str]:
        """Return the names of the columns."""

    def column(self, name: str) -> Column | None:
        """Return a column, or None."""


class Rows:
    """A table in memory."""

    __slots__ = ("_columns", "times")

    def __init__(self, times: Sequence[int], columns: Mapping[str, Column]) -> None:
        self.times = times
        self._columns = columns

    @property
    def names(self) -> Iterable[str]:
        """Return the names of the columns."""
        return self._columns

    def column(self, name: str) -> Column | None:
        """Return a column, or None."""
        return self._columns.get(name)


class Documents:
    """A table of entries in their JSON form, of which columns are made as they are asked for."""

    __slots__ = ("_documents", "_made", "_whole", "times")

    def __init__(self, times: Sequence[int], documents: Sequence[Mapping[str, object]]) -> None:
        self.times = times
        self._documents = documents
        self._made: dict[str, Column | None] = {}
        self._whole: Mapping[str, Column] | None = None

    @property
    def names(self) -> Iterable[str]:
        """Return the names of the columns."""
        return self._all()

    def column(self, name: str) -> Column | None:
        """Return a column, or None."""
        if self._whole is not None or SEPARATOR in name:
            return self._all().get(name)
        if name not in self._made:
            self._made[name] = self._single(name)
        return self._made[name]

    def _single(self, name: str) -> Column | None:
        """Return the column of a field that is one text wherever it is there."""
        found = [{name: one[name]} if name in one else {} for one in self._documents]
        if not all(isinstance(one.get(name, ""), str) for one in found):
            return self._all().get(name)
        return columns(found).get(name)

    def _all(self) -> Mapping[str, Column]:
        if self._whole is None:
            self._whole = columns(self._documents)
        return self._whole


def name_of(path: Path) -> str:
    """Return the name of a field's column."""
    return SEPARATOR.join(path)


def span(times: Sequence[int], first: int, end: int) -> int:
    """Return as a mask the rows whose time is at least `first` and below `end`."""
    low, high = bisect_left(times, first), bisect_left(times, end)
    if low >= high:
        return 0
    return int.from_bytes(b"\1" * (high - low), "little") << (8 * low)
