"""Partial responses: the `fields` parameter of Google's REST APIs.

A mask lists members by path, `items(name,metadata/*),nextPageToken`; `*` is every member, and an
array is gone through. A member that is absent is no error. The mask is checked in full before
anything is done.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rempart.core.errors import CloudError, invalid
from rempart.core.limits import KIB

FIELDS_CHARS_MAX = 4 * KIB
FIELDS_DEPTH_MAX = 16
_TOKEN = re.compile(r"[ \t]*(?:([(),/])|([^(),/ \t]+))[ \t]*")
_NAME = re.compile(r"\*|[A-Za-z0-9_$@.:+-]+")

Mask = dict[str, "Mask"]
"""The members kept; an empty mask keeps the whole value."""


def check_mask(text: str) -> None:
    """Raise `invalidParameter` unless the mask is well-formed."""
    _parsed(text)


def select(value: object, text: str) -> object:
    """Return what the mask keeps of a JSON value made of builtins."""
    return _selected(value, _parsed(text))


def _selected(value: object, mask: Mask) -> object:
    if not mask:
        return value
    if isinstance(value, list):
        return [_selected(item, mask) for item in value]
    if not isinstance(value, dict):
        return value
    every = mask.get("*")
    kept: dict[str, object] = {}
    for name, member in value.items():
        chosen = mask.get(name)
        if chosen is None:
            chosen = every
        elif every is not None:
            chosen = _merged(chosen, every)
        if chosen is not None:
            kept[name] = _selected(member, chosen)
    return kept


def _merged(one: Mask, other: Mask) -> Mask:
    """Return the mask that keeps what either keeps; the empty one keeps all."""
    if not one or not other:
        return {}
    both = dict(one)
    for name, mask in other.items():
        both[name] = _merged(both[name], mask) if name in both else mask
    return both


@lru_cache(maxsize=256)
def _parsed(text: str) -> Mask:
    if len(text) > FIELDS_CHARS_MAX:
        raise _refused("it is too long")
    reader = _Reader(_tokens(text))
    mask = reader.mask(1)
    if reader.peek():
        raise _refused(f"unexpected '{reader.peek()}'")
    return mask


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _refused("it ends in blanks" if text.strip() else "it is empty")
        tokens.append(found[1] or found[2])
        at = found.end()
    return tokens


class _Reader:
    """Reads `mask = path *("," path)` and `path = name ["/" path | "(" mask ")"]`."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def mask(self, depth: int) -> Mask:
        mask: Mask = {}
        while True:
            name, inner = self._path(depth)
            mask[name] = _merged(mask[name], inner) if name in mask else inner
            if self.peek() != ",":
                return mask
            self._at += 1

    def _path(self, depth: int) -> tuple[str, Mask]:
        if depth > FIELDS_DEPTH_MAX:
            raise _refused(f"it is nested more than {FIELDS_DEPTH_MAX} levels deep")
        name = self.peek()
        if not _NAME.fullmatch(name):
            raise _refused(f"expected a member name, found '{name[:40]}'")
        self._at += 1
        if self.peek() == "/":
            self._at += 1
            inner_name, inner = self._path(depth + 1)
            return name, {inner_name: inner}
        if self.peek() != "(":
            return name, {}
        self._at += 1
        within = self.mask(depth + 1)
        if self.peek() != ")":
            raise _refused("a parenthesis is not closed")
        self._at += 1
        return name, within


def _refused(problem: str) -> CloudError:
    return invalid(
        f"Invalid field selection: {problem}.", field="fields", reason="invalidParameter"
    )
