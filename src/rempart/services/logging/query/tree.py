"""The tree of a filter."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

Scalar = str | int | float | bool | None
Path = tuple[str, ...]
Test = Callable[[tuple[Scalar, ...]], bool]
"""Tell of the values of one field in one entry, never none of them, whether they match."""


class Everything(msgspec.Struct, frozen=True):
    """What the empty filter matches."""


class Both(msgspec.Struct, frozen=True):
    """All parts must match."""

    parts: tuple[Node, ...]


class Either(msgspec.Struct, frozen=True):
    """One part must match."""

    parts: tuple[Node, ...]


class Negated(msgspec.Struct, frozen=True):
    """The part must not match."""

    part: Node


class Compared(msgspec.Struct, frozen=True):
    """A field's values must pass a test; `missing` is the answer where an entry lacks the field.

    With `within`, the values of all fields that lie in the field count too: `labels:x`.
    """

    path: Path
    test: Test
    missing: bool = False
    within: bool = False


class Between(msgspec.Struct, frozen=True):
    """The entry's timestamp, in nanoseconds, must be at least `first` and below `end`."""

    first: int
    end: int


class Anywhere(msgspec.Struct, frozen=True):
    """Some field of the entry must pass the test."""

    test: Test


Node = Everything | Both | Either | Negated | Compared | Between | Anywhere
