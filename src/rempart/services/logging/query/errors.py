"""What is wrong with a filter, told as Cloud Logging tells it: with the place."""

from __future__ import annotations

from rempart.core.errors import CloudError, invalid

_SHOWN_CHARS = 60


def place(text: str, at: int) -> str:
    """Return the line and column of a character, both counted from 1."""
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return f"line {line}, column {column}"


def syntax(text: str, at: int, token: str) -> CloudError:
    """Return the refusal of a token that fits nowhere in the grammar; empty at the end."""
    shown = f"token '{token[:_SHOWN_CHARS]}'" if token else "unexpected end of the filter"
    return unparseable(f"syntax error at {place(text, at)}, {shown}")


def unparseable(problem: str) -> CloudError:
    """Return the refusal of a filter."""
    return invalid(f"Unparseable filter: {problem}", field="filter")
