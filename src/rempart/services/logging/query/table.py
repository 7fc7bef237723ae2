"""Entries as columns: for each field, the distinct values there are and which row has which.

A field that is repeated in an entry has all its values in one. A test is asked at most once for
each distinct value, of texts only where a search through all of them finds something, and rows
follow by their number: so a filter over many entries costs what their variety costs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from rempart.services.logging.query.tree import Path, Scalar, Test

SEPARATOR = "\x1f"
"""Between the parts of a path in the name of a column."""

NARROW = 256
Values = tuple[Scalar, ...]
Flat = dict[str, list[Scalar]]


class Column(msgspec.Struct, frozen=True, array_like=True):
    """One field: its distinct values by number, from 1, and the number of each of the rows.

    Where each value is one text, they stand in `texts`, between newlines; else in `values`. A row
    without the field has number 0. A number takes one byte, or two if `wide`.
    """

    rows: int
    distinct: int
    texts: str
    values: list[Values]
    numbers: bytes
    wide: bool

    def matching(self, test: Test, *, missing: bool) -> int:
        """Return as a mask which rows pass; those without the field do where `missing`."""
        passed = bytearray(self.distinct + 1)
        passed[0] = missing
        numbers = test.lines(self.texts) if test.lines is not None and self.texts else None
        if numbers is None:
            passed[1:] = bytes(map(test.one, self.all()))
        else:
            for number in numbers:
                passed[number] = 1
            if test.inverse:
                passed[1:] = passed[1:].translate(_FLIPPED)
        return self._mask(bytes(passed)) if any(passed) else 0

    def _mask(self, passed: bytes) -> int:
        if self.distinct == self.rows:  # each row has its own value, numbered as the rows are
            return int.from_bytes(passed[1:], "little")
        if self.wide:
            numbers = array("H", self.numbers)
            return int.from_bytes(bytes(map(passed.__getitem__, numbers)), "little")
        return int.from_bytes(self.numbers.translate(passed.ljust(NARROW, b"\0")), "little")

    def all(self) -> Sequence[Values]:
        """Return the distinct values, by number from 1."""
        if self.texts:
            return [(one,) for one in self.texts[1:-1].split("\n")]
        return self.values

    def every(self) -> list[Values]:
        """Return the values of each row."""
        known = [(), *self.all()]
        numbers = array("H", self.numbers) if self.wide else self.numbers
        return [known[number] for number in numbers]


_FLIPPED = bytes((1, 0)) + bytes(NARROW - 2)


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
        return columns([flat(one) for one in found]).get(name)

    def _all(self) -> Mapping[str, Column]:
        if self._whole is None:
            self._whole = columns([flat(one) for one in self._documents])
        return self._whole


def name_of(path: Path) -> str:
    """Return the name of a field's column."""
    return SEPARATOR.join(path)


def flat(document: Mapping[str, object]) -> Flat:
    """Return the values of an entry by column; elements of lists count as if they were alone."""
    found: Flat = {}
    stack: list[tuple[str, object]] = [(name, value) for name, value in document.items()]
    while stack:
        name, value = stack.pop()
        if isinstance(value, dict):
            stack += [(f"{name}{SEPARATOR}{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            stack += [(name, inner) for inner in reversed(value)]
        elif value is None or isinstance(value, str | int | float | bool):
            found.setdefault(name, []).append(value)
    return found


def columns(entries: Sequence[Flat]) -> dict[str, Column]:
    """Return the columns of entries."""
    made: dict[str, _Growing] = {}
    for row, entry in enumerate(entries):
        for name, found in entry.items():
            column = made.get(name)
            if column is None:
                column = made[name] = _Growing(len(entries))
            column.put(row, found)
    return {name: column.column() for name, column in made.items()}


class _Growing:
    """A column while it is made."""

    __slots__ = ("_numbers", "_places", "_values")

    def __init__(self, count: int) -> None:
        self._places: dict[object, int] = {}
        self._values: list[Values] = []
        self._numbers = array("H", bytes(2 * count))

    def put(self, row: int, found: list[Scalar]) -> None:
        # 1, 1.0 and true are three values, and one key of a dictionary.
        single = found[0] if len(found) == 1 else None
        key = single if isinstance(single, str) else (tuple(found), tuple(map(type, found)))
        number = self._places.setdefault(key, len(self._values) + 1)
        if number > len(self._values):
            self._values.append(tuple(found))
        self._numbers[row] = number

    def column(self) -> Column:
        wide = len(self._values) > NARROW - 1
        numbers = self._numbers.tobytes() if wide else bytes(self._numbers.tolist())
        rows, distinct = len(self._numbers), len(self._values)
        texts = _texts(self._values)
        return Column(rows, distinct, texts, [] if texts else self._values, numbers, wide)


def _texts(values: list[Values]) -> str:
    """Return the values between newlines where each is one text, else nothing."""
    singles = [one[0] for one in values if len(one) == 1]
    texts = [one for one in singles if isinstance(one, str) and "\n" not in one]
    return "\n".join(("", *texts, "")) if len(texts) == len(values) else ""


def span(times: Sequence[int], first: int, end: int) -> int:
    """Return as a mask the rows whose time is at least `first` and below `end`."""
    low, high = bisect_left(times, first), bisect_left(times, end)
    if low >= high:
        return 0
    return int.from_bytes(b"\1" * (high - low), "little") << (8 * low)
