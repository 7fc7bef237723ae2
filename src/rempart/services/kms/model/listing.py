"""Pages of a listing: size, token, and filters of the simple form `field = value AND …`.

Source: AIP-158 and AIP-160; of the filter language the rest is refused, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rempart.core import pages
from rempart.core.document import camel
from rempart.core.errors import invalid, unsupported
from rempart.core.pages import PAGE_SIZE_MAX, token

__all__ = ["PAGE_SIZE_MAX", "Page", "page", "token"]

FILTER_CHARS_MAX = 1024
_TERM = re.compile(r"([A-Za-z_]+(?:\.[\w-]+)*)\s*(=|!=)\s*(\"[^\"]*\"|[^\s\"()*]+)")
_FIELDS = frozenset(
    (
        "name",
        "state",
        "purpose",
        "algorithm",
        "protectionLevel",
        "importMethod",
        "importJob",
        "resourceTypeSelector",
        "primary.state",
        "versionTemplate.algorithm",
        "versionTemplate.protectionLevel",
    )
)
_LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Page:
    """What a listing asks for: how many, after what, and which of them."""

    size: int
    after: bytes
    admits: Callable[[Mapping[str, object]], bool]
    filtered: bool


def page(query: Mapping[str, str]) -> Page:
    """Return the page that a request asks for."""
    asked = pages.page(query)
    if query.get("orderBy", "") not in {"", "name", "name asc"}:
        raise unsupported("Sorting by another field than name", field="orderBy")
    text = query.get("filter", "")
    return Page(asked.size, asked.after, _admits(text), text != "")


def _admits(text: str) -> Callable[[Mapping[str, object]], bool]:
    if len(text) > FILTER_CHARS_MAX:
        raise invalid(f"A filter has at most {FILTER_CHARS_MAX} characters.", field="filter")
    if not text.strip():
        return lambda _: True
    terms = [_term(piece) for piece in re.split(r"\s+AND\s+", text.strip())]

    def admits(resource: Mapping[str, object]) -> bool:
        return all((_at(resource, path) == value) == wanted for path, value, wanted in terms)

    return admits


def _term(piece: str) -> tuple[list[str], str, bool]:
    found = _TERM.fullmatch(piece)
    if found is None:
        raise unsupported(f"The filter {piece[:80]!r}", field="filter")
    path, operator, value = found.groups()
    return _path(path), value.strip('"'), operator == "="


def _path(text: str) -> list[str]:
    """Return the names down to a field; a label's key is taken as it is."""
    first, _, label = text.partition(".")
    if first == _LABELS and label:
        return [first, label]
    path = camel(text)
    if path not in _FIELDS:
        raise invalid(f"{text[:80]} is no field to filter by.", field="filter")
    return path.split(".")


def _at(resource: object, path: list[str]) -> object:
    for name in path:
        resource = resource.get(name) if isinstance(resource, Mapping) else None
    return resource
