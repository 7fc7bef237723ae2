"""Finding texts among many that stand between newlines, without looking at each.

The newlines before a place number the text in which it lies, from 1: the whole begins with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import re2

from rempart.services.logging.query.tree import Lines

REGEX_HITS_MAX = 32
"""Past so many, asking each text is faster than searching on."""

_WHOLE_TEXT = ("\\A", "\\z", "\\C", "(?")
"""Patterns with these may mean something else within many texts than within one."""


def equal(folded: str) -> Lines:
    """Return the search for texts that are another but for case."""
    return lambda texts: _found(texts.casefold(), f"\n{folded}\n", folded)


def holding(folded: str) -> Lines:
    """Return the search for texts that contain another but for case."""
    return lambda texts: _found(texts.casefold(), folded, folded)


def _found(texts: str, needle: str, folded: str) -> Iterable[int] | None:
    if not folded:
        return None
    return () if "\n" in folded else _each(texts, needle)


def _each(texts: str, needle: str) -> Iterator[int]:
    number, last = 0, 0
    at = texts.find(needle)
    while at >= 0:
        begun = at + 1 if needle[0] == "\n" else at
        number += texts.count("\n", last, begun)
        yield number
        last = texts.find("\n", begun)
        at = texts.find(needle, last)


def matching(pattern: Any, written: str, options: Any) -> Lines | None:  # noqa: ANN401 - re2's own
    """Return the search for texts in which a regular expression matches."""
    if any(one in written for one in _WHOLE_TEXT):
        return None
    within = re2.compile(f"(?m:{written})", options)

    def search(texts: str) -> list[int] | None:
        numbers, number, counted, begun = list[int](), 0, 0, 1
        while (found := within.search(texts, begun)) is not None:
            if len(numbers) == REGEX_HITS_MAX:
                return None
            first = texts.rfind("\n", 0, found.start()) + 1
            end = texts.find("\n", first)
            if end < 0:
                break
            number, counted = number + texts.count("\n", counted, first), first
            if pattern.search(texts[first:end]) is not None:
                numbers.append(number)
            begun = end + 1
        return numbers

    return search
