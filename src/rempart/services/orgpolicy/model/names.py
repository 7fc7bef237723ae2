"""Names of policies, constraints and what they lie on.

Source: the resource patterns of google.cloud.orgpolicy.v2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from typing_extensions import override

from rempart.core.errors import invalid

CUSTOM_NAME_CHARS_MAX = 70
_CONTAINER = re.compile(r"((?:projects|folders|organizations)/[^/\x00]+)(?:/.*)?")
_POLICY = re.compile(r"((?:projects|folders|organizations)/[^/\x00]+)/policies/([A-Za-z0-9_.]+)")
_CUSTOM = re.compile(r"(organizations/[^/\x00]+)/customConstraints/(custom\.[A-Za-z0-9]+)")


@dataclass(frozen=True, slots=True)
class PolicyName:
    """`projects/P/policies/C`, `folders/F/policies/C` or `organizations/O/policies/C`."""

    container: str
    constraint: str

    @override
    def __str__(self) -> str:
        return f"{self.container}/policies/{self.constraint}"


@dataclass(frozen=True, slots=True)
class CustomName:
    """`organizations/O/customConstraints/custom.NAME`."""

    organization: str
    id: str

    @override
    def __str__(self) -> str:
        return f"{self.organization}/customConstraints/{self.id}"


def container(text: str) -> str:
    """Return the project, folder or organization that a name is or begins with."""
    found = _CONTAINER.fullmatch(text)
    if found is None:
        raise invalid(f"The name {text[:300]!r} begins with no container.", field="name")
    return found[1]


def policy(text: str) -> PolicyName:
    """Return the name of a policy."""
    found = _POLICY.fullmatch(text)
    if found is None:
        raise invalid(f"The name {text[:300]!r} is not that of a policy.", field="name")
    return PolicyName(found[1], found[2])


def custom_constraint(text: str) -> CustomName:
    """Return the name of a custom constraint."""
    found = _CUSTOM.fullmatch(text)
    if found is None or len(found[2]) > CUSTOM_NAME_CHARS_MAX:
        message = (
            f"The name {text[:300]!r} is not that of a custom constraint: it ends with"
            f" customConstraints/custom.NAME, NAME of letters and digits, and that part has at most"
            f" {CUSTOM_NAME_CHARS_MAX} characters."
        )
        raise invalid(message, field="name")
    return CustomName(found[1], found[2])
