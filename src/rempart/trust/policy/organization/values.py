"""Values of list constraints: plain, `is:`, `under:` a part of the hierarchy, `in:` a group.

Source: PolicySpec.PolicyRule.StringValues of google.cloud.orgpolicy.v2.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

IS, IN, UNDER = "is:", "in:", "under:"
Group = Callable[[str, str], bool]
"""Tell whether a group, named without `in:`, holds a value."""


class Value(msgspec.Struct, frozen=True):
    """What a constraint is asked about: by all its names, with all that it lies in, itself too."""

    text: str
    names: frozenset[str]
    above: frozenset[str] = frozenset()


def plain(text: str) -> Value:
    """Return a value that has one name and lies in nothing."""
    return Value(text, frozenset((text,)))


def matches(entry: str, value: Value, group: Group | None) -> bool:
    """Tell whether an entry of a policy means a value."""
    if entry.startswith(UNDER):
        return entry.removeprefix(UNDER) in value.above
    if entry.startswith(IN):
        return group is not None and group(entry.removeprefix(IN), value.text)
    return entry.removeprefix(IS) in value.names
