"""Which rows of a table a filter matches.

A mask is a number with one byte for each row, 1 where it matches: what a Boolean operator does to
all rows is one operation on two numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

from rempart.services.logging.query.moments import nanos
from rempart.services.logging.query.table import Rows, Table, name_of, span
from rempart.services.logging.query.transposed import SEPARATOR, columns
from rempart.services.logging.query.tree import (
    Anywhere,
    Between,
    Both,
    Compared,
    Either,
    Everything,
    Negated,
    Node,
    Test,
)

_TIMES = frozenset(("timestamp", "receiveTimestamp"))


def matches(node: Node, entry: Mapping[str, object]) -> bool:
    """Tell whether a filter matches one entry in its JSON form, with its timestamp."""
    return bool(mask(node, one_row(entry)))


def one_row(entry: Mapping[str, object]) -> Table:
    """Return an entry as a table of one row."""
    return Rows((nanos(str(entry.get("timestamp", ""))) or 0,), columns([entry]))


def rows(found: int, count: int) -> list[int]:
    """Return the numbers of the rows in a mask, rising."""
    content = found.to_bytes(count, "little")
    at, numbers = content.find(1), list[int]()
    while at >= 0:
        numbers.append(at)
        at = content.find(1, at + 1)
    return numbers


def mask(node: Node, table: Table) -> int:
    """Return which rows of a table a filter matches."""
    match node:
        case Both(parts):
            return _both(parts, table)
        case Either(parts):
            return _either(parts, table)
        case Negated(part):
            return mask(part, table) ^ _all(table)
        case Compared():
            return _compared(node, table)
        case Anywhere(test):
            return _anywhere(test, table)
        case _:
            return _of_time(node, table)


def _of_time(node: Everything | Between, table: Table) -> int:
    if isinstance(node, Between):
        return span(table.times, node.first, node.end)
    return _all(table)


def _all(table: Table) -> int:
    return int.from_bytes(b"\1" * len(table.times), "little")


def _both(parts: tuple[Node, ...], table: Table) -> int:
    found = _all(table)
    for part in parts:
        found &= mask(part, table)
        if not found:
            break
    return found


def _either(parts: tuple[Node, ...], table: Table) -> int:
    found = 0
    for part in parts:
        found |= mask(part, table)
    return found


def _anywhere(test: Test, table: Table) -> int:
    found = 0
    for name in table.names:
        column = table.column(name)
        if column is not None and name not in _TIMES:
            found |= column.matching(test, missing=False)
    return found


def _compared(node: Compared, table: Table) -> int:
    name = name_of(node.path)
    column = table.column(name)
    if column is not None:
        found = column.matching(node.test, missing=node.missing)
    else:
        found = _all(table) if node.missing else 0
    if node.within:
        inside = name + SEPARATOR
        for each in table.names:
            if each.startswith(inside) and (inner := table.column(each)) is not None:
                found |= inner.matching(node.test, missing=False)
    return found
