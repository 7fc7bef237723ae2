"""IAM policies as plain values, and resources as policy sees them.

Source: google.iam.v1.Policy. Evaluation is in `trust/policy`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from rempart.core.names import ProjectId, ResourceName
from rempart.core.principal import Member


@dataclass(frozen=True, slots=True)
class Condition:
    """A CEL expression that must hold for a binding to count."""

    expression: str
    title: str = ""
    description: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """A role given to members, perhaps under a condition."""

    role: str
    members: tuple[Member, ...]
    condition: Condition | None = None


@dataclass(frozen=True, eq=False)
class Policy:
    """The bindings of one resource. Compared by identity, so that what is compiled is kept."""

    bindings: tuple[Binding, ...] = ()
    etag: str = ""
    version: int = 1


class Resource(msgspec.Struct, frozen=True, gc=False):
    """Something a permission is asked on: its name, its own policies and the project above it.

    `policies` are those of the resource and of what holds it below the project (managed folders,
    bucket). `public` is False where public-access prevention stops `allUsers` and
    `allAuthenticatedUsers` from counting. `attributes` are what conditions read by
    `api.getAttribute`. `sensitivity` is the value of its own label of that name, or its bucket's.
    """

    name: ResourceName
    project: ProjectId | None
    policies: tuple[Policy, ...] = ()
    public: bool = True
    attributes: tuple[tuple[str, str], ...] = ()
    sensitivity: str = ""
