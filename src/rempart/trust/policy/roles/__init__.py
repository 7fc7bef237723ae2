"""Predefined roles with Google's names and permissions, as far as this universe has the resources.

Source: Google's published role descriptions (the pages of predefined roles of Cloud Storage, Cloud
KMS and IAM, read in November 2026). Permissions of services that no Rempart universe offers are
left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from rempart.trust.policy.roles import (
    accessapproval,
    accesscontextmanager,
    basic,
    cloudasset,
    cloudkms,
    iam,
    logging,
    orgpolicy,
    recommender,
    resourcemanager,
    security,
    serviceusage,
    sovereignty,
    storage,
    tags,
    workforce,
    workload_identity,
)
from rempart.trust.policy.roles.role import Level, Role

__all__ = ["BASIC", "PERMISSIONS", "PREDEFINED", "ROLES", "Level", "Role", "permissions_of"]

_OF_SERVICES = tuple(
    role
    for service in (
        basic,
        storage,
        iam,
        workload_identity,
        resourcemanager,
        cloudkms,
        serviceusage,
        tags,
        orgpolicy,
        workforce,
        accesscontextmanager,
        sovereignty,
        cloudasset,
        recommender,
        accessapproval,
        logging,
    )
    for role in service.ROLES
)
ROLES: Mapping[str, Role] = {
    role.name: role for role in (*_OF_SERVICES, *security.over(_OF_SERVICES))
}
"""Every role of this universe by its name."""

PREDEFINED = frozenset(ROLES)
"""The names of those roles: any other role that a binding names is a custom one, or none."""

BASIC = frozenset(("roles/owner", "roles/editor", "roles/viewer"))

PERMISSIONS = frozenset[str]().union(*(role.permissions for role in ROLES.values()))
"""Every permission that some role carries."""

_NOTHING: frozenset[str] = frozenset()


def permissions_of(role: str) -> frozenset[str]:
    """Return a role's permissions; a role that does not exist has none."""
    found = ROLES.get(role)
    return found.permissions if found else _NOTHING
