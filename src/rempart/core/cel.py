"""What all uses of CEL share: the library, its complaints, and what IAM's language adds to it."""

from __future__ import annotations

import re
from typing import Any, Protocol

PATTERN_CHARS_MAX = 256
NESTING_MAX = 32
"""Brackets within brackets: what the parser would need long to refuse is refused first."""

ARITHMETIC_MAX = 100
"""Operators of arithmetic outside texts: compiling costs more than their number."""

MACRO = re.compile(
    r"\b(?:all|exists|exists_one|map|filter|transform\w*|bind|optMap|optFlatMap)"
    r"(?:\s|//[^\n]*\n)*\("
)
"""A macro's call: it repeats its body for each element of a list."""

_MATCHES = re.compile(r"\bmatches\b")
_PLAIN_MATCH = re.compile(
    rf"""\.matches\((?:"[^"\\{{\n]{{0,{PATTERN_CHARS_MAX}}}"|'[^'\\{{\n]{{0,{PATTERN_CHARS_MAX}}}')\)"""
)
_PLACEHOLDER = re.compile(r"([^{}]*)\{[A-Za-z_][A-Za-z0-9_]*\}([^{}]*)")


_TEXT = re.compile(r'"[^"\n]*"|\'[^\'\n]*\'')
_COMMENT = re.compile(r"//[^\n]*")
_ARITHMETIC = re.compile(r"[-+*/%]")


class Program(Protocol):
    """What is used of a compiled expression."""

    def execute(self, context: object) -> object:
        """Return its value."""

    def functions(self) -> list[str]:
        """Return the names of the functions that it calls."""

    def variables(self) -> list[str]:
        """Return the names of the variables that it reads."""


def library() -> Any:  # noqa: ANN401 - untyped library
    """Return the CEL library: imported at the first expression, because it takes 0.2 s."""
    import cel  # noqa: PLC0415

    return cel


def first_line(problem: Exception) -> str:
    """Return what the library says is wrong, short enough for an answer."""
    lines = str(problem).splitlines()
    return lines[0][:300] if lines else "syntax error"


def depth(expression: str) -> int:
    """Return how deep the brackets of an expression are nested."""
    now = deepest = 0
    for character in expression:
        now += (character in "([{") - (character in ")]}")
        deepest = max(deepest, now)
    return deepest


def without_texts(expression: str) -> str:
    """Return an expression without its texts in quotes and its comments."""
    return _COMMENT.sub("", _TEXT.sub("''", expression))


def arithmetic(expression: str) -> int:
    """Return how many operators of arithmetic an expression has, outside its texts."""
    return len(_ARITHMETIC.findall(_TEXT.sub("", expression)))


def plain_matches(expression: str) -> bool:
    """Tell whether every `matches()` has a short literal pattern whose cost is bounded."""
    return len(_MATCHES.findall(expression)) == len(_PLAIN_MATCH.findall(expression))


def extract(text: str, template: str) -> str:
    """Return what stands for the template's placeholder in a text, empty if it does not match."""
    match = _PLACEHOLDER.fullmatch(template)
    if match is None:
        raise ValueError("a template has one placeholder")
    before, after = match.groups()
    _, found, rest = text.partition(before) if before else ("", "yes", text)
    if not found:
        return ""
    if not after:
        return rest
    value, end, _ = rest.partition(after)
    return value if end else ""
