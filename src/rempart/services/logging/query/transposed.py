"""Entries become columns: field by field through all of them, for the entries of a log are alike.

A field that is repeated in an entry has all its values in one.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Sized
from itertools import chain
from operator import itemgetter
from typing import TypeVar, cast

from rempart.services.logging.query.column import NARROW, Column, Values
from rempart.services.logging.query.tree import Scalar

SEPARATOR = "\x1f"
"""Between the parts of a path in the name of a column."""

_LISTS = (list, tuple)
_SCALARS = (str, int, float, bool, type(None))
Document = Mapping[str, object]
T = TypeVar("T")
Rows = Sequence[int]
Cells = tuple[Rows, Sequence[Scalar]]


def columns(documents: Sequence[Document]) -> dict[str, Column]:
    """Return the columns of entries; elements of lists count as if they were alone."""
    found: dict[str, Cells] = {}
    _fields("", range(len(documents)), documents, found)
    return {name: _column(*cells, len(documents)) for name, cells in found.items()}


def _fields(
    prefix: str, rows: Rows, documents: Sequence[Document], found: dict[str, Cells]
) -> None:
    """Add the fields of documents, each of the row beside it."""
    for key in dict.fromkeys(chain.from_iterable(documents)):
        values = [one[key] for one in documents if key in one]
        those = rows
        if len(values) < len(documents):
            those = [row for row, one in zip(rows, documents, strict=True) if key in one]
        _values(prefix + key, those, values, found)


def _values(name: str, rows: Rows, values: Sequence[object], found: dict[str, Cells]) -> None:
    """Add the values of one field, of whatever types, each of the row beside it."""
    types = set(map(type, values))
    if types == {str}:
        _add(name, rows, cast("Sequence[str]", values), found)
        return
    under = f"{name}{SEPARATOR}"
    if types == {dict}:
        _fields(under, rows, cast("Sequence[Document]", values), found)
        return
    if types == {list} and set(map(len, cast("Sequence[Sized]", values))) == {1}:
        _values(name, rows, [one[0] for one in cast("Sequence[list[object]]", values)], found)
        return
    pairs = list(zip(rows, values, strict=True))
    if types.intersection(_LISTS):
        pairs = [(row, one) for row, value in pairs for one in _elements(value)]
    inner = [(row, one) for row, one in pairs if isinstance(one, dict)]
    if inner:
        _fields(under, [row for row, _ in inner], [one for _, one in inner], found)
    plain = [(row, one) for row, one in pairs if isinstance(one, _SCALARS)]
    if plain:
        _add(name, [row for row, _ in plain], [one for _, one in plain], found)


def _elements(value: object) -> Iterator[object]:
    if isinstance(value, _LISTS):
        for one in value:
            yield from _elements(one)
    else:
        yield value


def _add(name: str, rows: Rows, values: Sequence[Scalar], found: dict[str, Cells]) -> None:
    """Add cells to a column; two paths may have one name, if a key has the separator in it."""
    known = found.get(name)
    if known is not None:
        pairs = [*zip(*known, strict=True), *zip(rows, values, strict=True)]
        pairs.sort(key=itemgetter(0))
        rows, values = [row for row, _ in pairs], [one for _, one in pairs]
    found[name] = (rows, values)


def _column(rows: Rows, cells: Sequence[Scalar], count: int) -> Column:
    """Return the column of cells whose rows do not fall."""
    types = set(map(type, cells))
    if len(types) == 1 and (isinstance(rows, range) or len(set(rows)) == len(rows)):
        numbers, singles = _numbers(cells)
        texts = _texts(cast("list[str]", singles)) if str in types else ""
        values: list[Values] = [] if texts else [(one,) for one in singles]
        return Column(count, len(singles), texts, values, *_packed(rows, numbers, count))
    every: defaultdict[int, list[Scalar]] = defaultdict(list)
    for row, value in zip(rows, cells, strict=True):
        every[row].append(value)
    # 1, 1.0 and true are three values, and one key of a dictionary.
    keys = [(tuple(one), tuple(map(type, one))) for one in every.values()]
    numbers, distinct = _numbers(keys)
    packed = _packed(list(every), numbers, count)
    return Column(count, len(distinct), "", [one for one, _ in distinct], *packed)


def _numbers(values: Sequence[T]) -> tuple[list[int], list[T]]:
    """Return of each value its number, from 1, and the distinct values in their order."""
    if values.count(values[0]) == len(values):
        return [1] * len(values), [values[0]]
    distinct = list(dict.fromkeys(values))
    numbers = dict(zip(distinct, range(1, len(distinct) + 1), strict=True))
    return list(map(numbers.__getitem__, values)), distinct


def _texts(singles: list[str]) -> str:
    """Return texts between newlines, or nothing where one has a newline in it."""
    joined = "\n".join(("", *singles, ""))
    return joined if joined.count("\n") == len(singles) + 1 else ""


def _packed(rows: Rows, numbers: list[int], count: int) -> tuple[bytes, bool]:
    """Return the number of every row, 0 where it has none, and whether one takes two bytes."""
    if len(rows) < count:
        those, numbers = numbers, [0] * count
        for row, number in zip(rows, those, strict=True):
            numbers[row] = number
    wide = max(numbers) > NARROW - 1
    return array("H", numbers).tobytes() if wide else bytes(numbers), wide
