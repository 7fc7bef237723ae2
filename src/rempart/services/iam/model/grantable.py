"""What may be granted on a resource, and tested there, by its full name.

Source: google.iam.admin.v1; the page on full resource names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from rempart.core.errors import invalid
from rempart.trust.policy.roles import ROLES, Level, Role
from rempart.trust.policy.testable import testable

AUDITABLE = ("cloudkms", "cloudresourcemanager", "iam", "storage")
"""The services whose reads policies may want logged (`Policy.auditConfigs`)."""

_SEGMENT = "[^/\x00]+"
_RING = f"projects/{_SEGMENT}/locations/{_SEGMENT}/keyRings/{_SEGMENT}"
_PLACES = (
    ("cloudresourcemanager", f"projects/{_SEGMENT}", Level.PROJECT),
    ("cloudresourcemanager", f"folders/{_SEGMENT}", Level.FOLDER),
    ("cloudresourcemanager", f"organizations/{_SEGMENT}", Level.ORGANIZATION),
    ("iam", f"projects/{_SEGMENT}/serviceAccounts/{_SEGMENT}", Level.SERVICE_ACCOUNT),
    ("storage", f"projects/_/buckets/{_SEGMENT}", Level.BUCKET),
    ("storage", f"projects/_/buckets/{_SEGMENT}/managedFolders/.+", Level.MANAGED_FOLDER),
    ("cloudkms", _RING, Level.KEY_RING),
    ("cloudkms", f"{_RING}/cryptoKeys/{_SEGMENT}", Level.CRYPTO_KEY),
    ("cloudkms", f"{_RING}/importJobs/{_SEGMENT}", Level.IMPORT_JOB),
    (
        "cloudkms",
        f"projects/{_SEGMENT}/locations/{_SEGMENT}/ekmConnections/{_SEGMENT}",
        Level.EKM_CONNECTION,
    ),
    ("cloudkms", f"projects/{_SEGMENT}/locations/{_SEGMENT}/ekmConfig", Level.EKM_CONFIG),
)
_SERVICES = frozenset(service for service, _, _ in _PLACES)
_FULL = re.compile(r"(?:https?:)?//([A-Za-z0-9.:-]{1,300})/(.{1,2000})", re.DOTALL)
_PREFIXES = ("v1/", "v3/", "v1beta1/")


@dataclass(frozen=True, slots=True)
class Place:
    """A resource that roles are granted on: its service, its relative name and its level."""

    service: str
    name: str
    level: Level


def place(full_name: str) -> Place:
    """Return the resource that a full resource name names; raises for kinds without policies."""
    found = _FULL.fullmatch(full_name)
    host, name = (found[1], unquote(found[2])) if found else ("", "")
    service = host.partition(".")[0]
    if service not in _SERVICES:
        # gcloud makes names of the endpoint that it was told, where the API is the first part.
        service, _, name = name.partition("/")
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    for of, pattern, level in _PLACES:
        if of == service and re.fullmatch(pattern, name):
            return Place(service, name, level)
    message = f"{full_name[:200]!r} is not the full name of a resource that has a policy."
    raise invalid(message, field="fullResourceName")


def roles_on(at: Place) -> list[Role]:
    """Return the predefined roles that may be granted there, by name."""
    return sorted(
        (role for role in ROLES.values() if at.level in role.levels), key=lambda one: one.name
    )


def permissions_on(at: Place) -> list[str]:
    """Return the permissions that can be asked about there, by name."""
    return sorted(testable(at.level))
