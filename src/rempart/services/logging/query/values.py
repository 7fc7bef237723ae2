"""How a comparison's value is read, and what it means for values of each type.

Texts compare without regard to case, but for regular expressions (RE2, anywhere in the text). A
value is converted to the type of the field; one that cannot be does not match. A field that an
entry lacks matches no comparison, not even `!=`; only NOT makes it match.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import re2

from rempart.services.logging.query import lines
from rempart.services.logging.query.errors import unparseable
from rempart.services.logging.query.moments import duration, nanos
from rempart.services.logging.query.tree import (
    Between,
    Compared,
    Lines,
    Negated,
    Node,
    Path,
    Scalar,
    Test,
)

SEVERITIES = {
    "DEFAULT": 0,
    "DEBUG": 100,
    "INFO": 200,
    "NOTICE": 300,
    "WARNING": 400,
    "ERROR": 500,
    "CRITICAL": 600,
    "ALERT": 700,
    "EMERGENCY": 800,
}
REGEX_BYTES_MAX = 1 << 20
NULL = "NULL_VALUE"
PRESENT = "*"
TIMESTAMP: Path = ("timestamp",)
_TIMES = frozenset((TIMESTAMP, ("receiveTimestamp",)))
_SEVERITY: Path = ("severity",)
_FOREVER = 1 << 63

Order = Callable[[Any, Any], bool]
_ORDERS: dict[str, Order] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compared(path: Path, sign: str, value: str, *, quoted: bool) -> Node:
    """Return the node of one comparison; raises `invalid` for a value that the field cannot be."""
    if sign == ":" and value == PRESENT and not quoted:
        return Compared(path, Test(_present), within=True)
    if sign in {"=~", "!~"}:
        return Compared(path, _regex(value, wanted=sign == "=~"))
    if path in _TIMES or path == _SEVERITY:
        of_its_type = _severe if path == _SEVERITY else _timed
        return of_its_type(path, "=" if sign == ":" else sign, value)
    if sign == ":":
        return Compared(path, contains(value), within=True)
    return _plain(path, sign, value)


def _plain(path: Path, sign: str, value: str) -> Node:
    one = _typed(_ORDERS[sign], value, sign)
    if sign in {"=", "!="} and number(value) is None and duration(value) is None:
        return Compared(path, _any(one, lines.equal(value.casefold()), inverse=sign == "!="))
    return Compared(path, _any(one))


def contains(value: str) -> Test:
    """Return the test whether a text contains another, or anything else equals it."""
    folded = value.casefold()
    equal = _typed(operator.eq, value, "=")

    def one(found: Scalar) -> bool:
        return folded in found.casefold() if isinstance(found, str) else equal(found)

    return _any(one, lines.holding(folded))


def number(text: str) -> float | None:
    """Return a text as a number, or None."""
    try:
        if text[:2].lower() == "0x":
            return int(text, 16)
        found = float(text)
    except ValueError:
        return None
    return found if found - found == 0 and "_" not in text else None


def _present(_: tuple[Scalar, ...]) -> bool:
    return True


def _any(
    test: Callable[[Scalar], bool], many: Lines | None = None, *, inverse: bool = False
) -> Test:
    return Test(lambda values: any(map(test, values)), many, inverse)


def _regex(value: str, *, wanted: bool) -> Test:
    options = re2.Options()
    options.max_mem = REGEX_BYTES_MAX
    options.log_errors = False
    try:
        pattern = re2.compile(value, options)
    except re2.error as problem:
        raise unparseable(f"invalid regular expression {value[:200]!r}") from problem

    def one(found: Scalar) -> bool:
        return (pattern.search(_text(found)) is not None) is wanted

    return _any(one, lines.matching(pattern, value, options), inverse=not wanted)


def _text(found: Scalar) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    return NULL if found is None else str(found)


def _typed(order: Order, value: str, sign: str) -> Callable[[Scalar], bool]:
    folded, numeric, lasting = value.casefold(), number(value), duration(value)
    equality = sign in {"=", "!="}

    def one(found: Scalar) -> bool:
        if isinstance(found, str):
            if numeric is not None and (also := number(found)) is not None:
                return order(also, numeric)
            if lasting is not None and (long := duration(found)) is not None:
                return order(long, lasting)
            return order(found.casefold(), folded)
        if isinstance(found, bool) or found is None:
            return equality and order(_text(found).casefold(), folded)
        return numeric is not None and order(found, numeric)

    return one


def _timed(path: Path, sign: str, value: str) -> Node:
    moment = nanos(value)
    if moment is None:
        raise unparseable(f"invalid timestamp {value[:60]!r}; write 2026-01-31T12:00:00Z")
    if path != TIMESTAMP:
        order = _ORDERS[sign]

        def one(found: Scalar) -> bool:
            there = nanos(found) if isinstance(found, str) else None
            return there is not None and order(there, moment)

        return Compared(path, _any(one))
    if sign == "!=":
        return Negated(Between(moment, moment + 1))
    first = {">": moment + 1, ">=": moment, "=": moment}.get(sign, -_FOREVER)
    end = {"<": moment, "<=": moment + 1, "=": moment + 1}.get(sign, _FOREVER)
    return Between(first, end)


def _severe(path: Path, sign: str, value: str) -> Node:
    rank = SEVERITIES.get(value.upper())
    if rank is None:
        if not value.isdecimal():
            raise unparseable(f"invalid severity {value[:60]!r}")
        rank = int(value)
    order = _ORDERS[sign]

    def one(found: Scalar) -> bool:
        return isinstance(found, str) and order(SEVERITIES.get(found, 0), rank)

    return Compared(path, _any(one), missing=order(0, rank))
