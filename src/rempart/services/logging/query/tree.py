"""The tree of a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

Scalar = str | int | float | bool | None
Path = tuple[str, ...]
Lines = Callable[[str], Iterable[int] | None]


class Test(msgspec.Struct, frozen=True):
    """Tells of the values of one field in one entry, never none of them, whether they match.

    `lines` does the same for many texts at once, which stand between newlines: it returns the
    numbers, from 1, of those that match, or None where each has to be asked. With `inverse` those
    numbers are of the texts that do not.
    """

    one: Callable[[tuple[Scalar, ...]], bool]
    lines: Lines | None = None
    inverse: bool = False

    def __call__(self, values: tuple[Scalar, ...]) -> bool:
        """Ask of one entry."""
        return self.one(values)


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
