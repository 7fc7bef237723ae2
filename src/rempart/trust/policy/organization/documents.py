"""The documents of organization policy.

Source: Policy, PolicySpec and CustomConstraint of google.cloud.orgpolicy.v2.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rempart.core.policy import Condition
from rempart.trust.custody.kind import Kind


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule: values, or all of them, or for a boolean constraint whether it is enforced.

    `parameters` are those of a managed constraint, as JSON has them.
    """

    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    allow_all: bool = False
    deny_all: bool = False
    enforce: bool | None = None
    condition: Condition | None = None
    parameters: Mapping[str, object] = {}


class Spec(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rules of a policy, and what becomes of those above it."""

    rules: tuple[Rule, ...] = ()
    inherits: bool = False
    reset: bool = False
    etag: str = ""
    updated: int = 0


class OrgPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """A policy for one constraint: what is enforced, and what is only tried."""

    spec: Spec | None = None
    dry_run: Spec | None = None
    etag: str = ""


class CustomConstraint(msgspec.Struct, frozen=True, omit_defaults=True):
    """A constraint of an organization's own: an expression over the resources of a type."""

    resource_type: str
    methods: tuple[str, ...]
    condition: str
    action: str
    display_name: str = ""
    description: str = ""
    updated: int = 0


POLICY = Kind(b"4", OrgPolicy, hot=8192)
"""By (container, constraint): `("projects/lab:demo", "gcp.resourceLocations")`."""

CUSTOM = Kind(b"5", CustomConstraint, hot=2048)
"""By (organization, name): `("organizations/1", "custom.name")`."""

POLICIES_MAX = 500
"""Policies on one resource, and custom constraints of one organization."""
