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


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """What a service logs of one kind of access, and whose access it does not.

    `log` is Google's `logType`.
    """

    service: str
    log: str
    exempted: tuple[Member, ...] = ()


@dataclass(frozen=True, eq=False)
class Policy:
    """The bindings of one resource. Compared by identity, so that what is compiled is kept."""

    bindings: tuple[Binding, ...] = ()
    etag: str = ""
    version: int = 1
    audit: tuple[AuditConfig, ...] = ()


class Resource(msgspec.Struct, frozen=True, gc=False):
    """Something a permission is asked on: its name, its own policies and the project above it.

    `policies` are those of the resource and of what holds it below the project (managed folders,
    bucket). `public` is False where public-access prevention stops `allUsers` and
    `allAuthenticatedUsers` from counting. `attributes` are what conditions read by
    `api.getAttribute`. `sensitivity` is the value of its own label of that name, or its bucket's.
    `above` is what holds a resource that is in no project: `folders/N` or `organizations/N`;
    organizations and folders themselves leave it empty. `modified` are the roles of which a call
    that sets its policy gives or takes something; None where that is not known.
    """

    name: ResourceName
    project: ProjectId | None
    policies: tuple[Policy, ...] = ()
    public: bool = True
    attributes: tuple[tuple[str, str], ...] = ()
    above: str = ""
    sensitivity: str = ""
    modified: tuple[str, ...] | None = None
