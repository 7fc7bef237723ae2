"""From a gRPC request to what REST would have said: google.api.http, backwards.

Source: google/api/http.proto. A field that a rule puts into the path is a path parameter and
nowhere else; the rule's body field is the document; every other field is a query parameter, by its
dotted name, with the values of a repeated one joined by newlines (as the REST door does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from rempart.core.errors import CloudError, invalid
from rempart.wire.grpc import Binding

_STARS = re.compile(r"\*\*?")


class Asked(msgspec.Struct, frozen=True):
    """What a request asks for, in REST's terms."""

    method: str
    verb: str
    path: dict[str, str]
    query: dict[str, str]
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A binding with the patterns of its variables."""

    binding: Binding
    patterns: tuple[tuple[tuple[str, ...], str, re.Pattern[str]], ...]

    @classmethod
    def of(cls, binding: Binding) -> Rule:
        """Compile a binding."""
        return cls(
            binding,
            tuple(
                (tuple(one.field.split(".")), one.name, _pattern(one.segments))
                for one in binding.variables
            ),
        )

    def path(self, document: Mapping[str, Any]) -> dict[str, str] | None:
        """Return the path parameters, or None where the rule does not fit the fields."""
        path: dict[str, str] = {}
        for field, name, pattern in self.patterns:
            value = _at(document, field)
            if not pattern.fullmatch(value):
                return None
            path[name] = value
        return path

    def apply(self, document: dict[str, Any], path: dict[str, str]) -> Asked:
        """Return what is asked; takes the document apart."""
        for field, _, _ in self.patterns:
            _remove(document, field)
        rest, body = document, self.binding.body
        inner: dict[str, Any] = {}
        if body == "*":
            rest, inner = {}, document
        elif body:
            inner = rest.pop(body, {})
        query = dict(_flat(rest, "")) if rest else {}
        return Asked(self.binding.id, self.binding.verb, path, query, inner)


def no_rule_fits(rules: Sequence[Rule], document: Mapping[str, Any]) -> CloudError:
    """Return the refusal of a request whose names lead to no method."""
    variables = rules[0].binding.variables
    first = rules[0].patterns
    wrong = next(
        at for at, (field, _, form) in enumerate(first) if not form.fullmatch(_at(document, field))
    )
    forms = sorted({one.segments for rule in rules for one in rule.binding.variables})
    message = f"The field '{variables[wrong].field}' is not of the form {' or '.join(forms)}."
    return invalid(message, field=variables[wrong].field)


@cache
def _pattern(segments: str) -> re.Pattern[str]:
    pieces = _STARS.split(segments)
    stars = [r"(?s:.+)" if star == "**" else "[^/]+" for star in _STARS.findall(segments)]
    joined = "".join(
        re.escape(piece) + star for piece, star in zip(pieces, [*stars, ""], strict=True)
    )
    return re.compile(joined)


def _at(document: Mapping[str, Any], field: tuple[str, ...]) -> str:
    value: Any = document
    for name in field:
        value = value.get(name, {})
    return value if isinstance(value, str) else ""


def _remove(document: dict[str, Any], field: tuple[str, ...]) -> None:
    *outer, last = field
    for name in outer:
        document = document[name]
    del document[last]


def _flat(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield f"{prefix}{name}", "\n".join(map(_text, value))
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
