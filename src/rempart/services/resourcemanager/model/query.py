"""The query language of searches: `state:ACTIVE AND (name:how* OR labels.color:red)`.

Source: SearchProjects and SearchFolders of google.cloud.resourcemanager.v3, projects.list of v1.
Terms without a word between them are alternatives, which bind closer than AND; letters' case does
not count; `*` stands for anything. v1's `parent.type:folder parent.id:1` is one term.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rempart.core.errors import CloudError, invalid

QUERY_CHARS_MAX = 2048
NESTED_MAX = 16
View = Mapping[str, tuple[str, ...]]
"""What can be asked of a resource: its values of each field, both in lower case."""

_TOKEN = re.compile(
    r"\s*(?:([()])|(-)?(?:([A-Za-z][\w.-]*)\s*(?::|=)\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s()\"]+))|(\w+)))"
)
_TYPE, _ID = "parent.type", "parent.id"
Test = Callable[[View], bool]


@dataclass(frozen=True, slots=True)
class Term:
    """A field and the value that is wanted of it."""

    field: str
    value: str
    negated: bool = False

    def __call__(self, view: View) -> bool:
        """Tell whether a resource is as wanted."""
        found = any(_fits(self.value, value) for value in view.get(self.field, ()))
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Query:
    """What a search wants; `parent` is the one parent that it is limited to, empty if none."""

    admits: Test
    parent: str = ""


def parse(text: str, fields: Mapping[str, str]) -> Query:
    """Return a query; `fields` are those that may be asked for, in lower case, by all their names.

    A name that ends in a dot stands for all that begins with it (`labels.`).
    """
    if len(text) > QUERY_CHARS_MAX:
        raise _wrong(f"A query has at most {QUERY_CHARS_MAX} characters.")
    if not text.strip():
        return Query(lambda _: True)
    reader = _Reader(_tokens(text), fields)
    units = reader.conjunction(0)
    if reader.left:
        raise _wrong(f"Unexpected {reader.left[0]!r} in the query.")
    return Query(_all(units), _parent(units))


def _parent(units: list[Test]) -> str:
    for unit in units:
        if isinstance(unit, Term) and unit.field == "parent" and not unit.negated:
            return "" if "*" in unit.value else unit.value
    return ""


def _tokens(text: str) -> list[str | Term]:
    found, at, end = list[str | Term](), 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(f"The query is not understood at {text[at : at + 40]!r}.")
        mark, minus, field, quoted, plain, word = match.groups()
        if mark:
            found.append(mark)
        elif word:
            found.append(word)
        else:
            value = re.sub(r"\\(.)", r"\1", quoted) if plain is None else plain
            found.append(Term(field.lower(), value.lower(), bool(minus)))
        at = match.end()
    return found


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[str | Term], fields: Mapping[str, str]) -> None:
        self.left = tokens
        self._fields = fields

    def conjunction(self, nested: int) -> list[Test]:
        """Return what must all hold."""
        units = self._alternatives(nested)
        while self.left and self.left[0] == "AND":
            self.left.pop(0)
            units += self._alternatives(nested)
        return units

    def _alternatives(self, nested: int) -> list[Test]:
        """Return one unit: what of which something must hold."""
        units = [self._unit(nested)]
        while self.left and self.left[0] not in {"AND", ")"}:
            if self.left[0] == "OR":
                self.left.pop(0)
            units.append(self._unit(nested))
        return _with_parent(units)

    def _unit(self, nested: int) -> Test:
        if not self.left:
            raise _wrong("The query ends too early.")
        first = self.left.pop(0)
        if isinstance(first, Term):
            return Term(self._field(first.field), first.value, first.negated)
        if first == "NOT" and nested < NESTED_MAX:
            inner = self._unit(nested + 1)
            return lambda view: not inner(view)
        if first != "(" or nested >= NESTED_MAX:
            raise _wrong(f"Unexpected {first!r} in the query.")
        units = self.conjunction(nested + 1)
        if not self.left or self.left.pop(0) != ")":
            raise _wrong("A parenthesis is not closed.")
        return units[0] if len(units) == 1 else _all(units)

    def _field(self, asked: str) -> str:
        known = self._fields.get(asked)
        if known is not None:
            return known
        prefix, dot, rest = asked.partition(".")
        if dot and rest and f"{prefix}." in self._fields:
            return asked
        raise _wrong(f"{asked[:80]!r} is no field to search by.")


def _with_parent(units: list[Test]) -> list[Test]:
    """Return alternatives as one unit, and v1's two terms of a parent as one term."""
    terms = {one.field: one for one in units if isinstance(one, Term) and not one.negated}
    if _TYPE in terms and _ID in terms:
        value = f"{terms[_TYPE].value}s/{terms[_ID].value}"
        units = [one for one in units if one not in (terms[_TYPE], terms[_ID])]
        return [Term("parent", value), *([_any(units)] if units else [])]
    return units if len(units) == 1 else [_any(units)]


def _all(units: list[Test]) -> Test:
    return lambda view: all(unit(view) for unit in units)


def _any(units: list[Test]) -> Test:
    return lambda view: any(unit(view) for unit in units)


def _fits(wanted: str, found: str) -> bool:
    """Tell whether a value is the wanted one, where `*` stands for anything; in linear time."""
    first, *others = wanted.split("*")
    if not others:
        return found == wanted
    *middle, last = others
    if not (found.startswith(first) and found.endswith(last)):
        return False
    at, end = len(first), len(found) - len(last)
    for piece in middle:
        at = found.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return at <= end


def _wrong(message: str) -> CloudError:
    return invalid(message, field="query")
