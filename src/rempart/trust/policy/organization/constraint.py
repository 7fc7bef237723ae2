"""What a constraint is: its name, what it asks of a proposal, and what may be written in a policy.

The tables are in `constraints/`, one file for each service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from rempart.core.errors import ErrorInfo
from rempart.core.proposal import Proposal
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.organization.values import Group


class Shape(Enum):
    """Whether policies list values or say yes or no."""

    LIST = "list"
    BOOLEAN = "boolean"


class Meaning(Enum):
    """What a value is, where more than its text counts."""

    TEXT = "text"
    PROJECT = "project"
    """A project, folder or organization: it lies under others."""
    MEMBER = "member"
    """A member of IAM: it belongs to an organization."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a refusal is worded: the error's message, the violation's description, the cause."""

    message: str
    description: str = ""
    info: ErrorInfo | None = None


Asks = Callable[[Proposal], Sequence[str]]
Regions = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A constraint that this universe enforces.

    `asks` returns the values of a proposal that must pass, or of a boolean constraint what breaks
    it; `calls` does the same of any call, reads included. `entry` tells whether a value without
    prefix may be written, `group` whether a group holds a value, `grouped` whether there is such a
    group. `only` names the one side, `allowed` or `denied`, that a policy may list. `parameters`
    are the names of a managed constraint's, each a list of texts: a value that one of them names
    passes.
    """

    name: str
    title: str
    description: str
    shape: Shape
    asks: Asks = lambda _: ()
    calls: Callable[[Asked], Sequence[str]] | None = None
    types: frozenset[str] = frozenset()
    denies: bool = False
    entry: Callable[[str, Regions], bool] = lambda _text, _regions: True
    group: Group | None = None
    grouped: Callable[[str, Regions], bool] = lambda _name, _regions: False
    under: bool = False
    meaning: Meaning = Meaning.TEXT
    only: str = ""
    equivalent: str = ""
    methods: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    tells: Callable[[Proposal, str], Told | None] = field(default=lambda _proposal, _value: None)

    @property
    def full(self) -> str:
        """Return the name with which errors and documents speak of it."""
        return f"constraints/{self.name}"

    @property
    def managed(self) -> bool:
        """Tell whether it is one of the newer, parametrised constraints."""
        return ".managed." in self.name


def section(fields: Mapping[str, object], *path: str) -> Mapping[str, object]:
    """Return an object within a resource as REST shows it, empty where it is not there."""
    found: object = fields
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
