"""Which permissions can be asked about on which kind of resource.

testIamPermissions refuses the others, so that a name that is mistyped is not taken for a right that
is missing; permissions.queryTestablePermissions lists them. A permission of a service that no
universe offers is one of Google's, for all that is known here: on projects, folders and
organizations it may be asked about, and nobody has it.

Source: the pages on testing permissions of Resource Manager, IAM and Cloud Storage, which refuse
what is not about the kind of resource (`storage.buckets.list` on a bucket).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from rempart.core.errors import invalid
from rempart.trust.policy.roles import PERMISSIONS, ROLES, Level
from rempart.trust.policy.roles.role import HIERARCHY, KMS, TAGS

PERMISSIONS_PER_TEST_MAX = 100
"""How many permissions one testIamPermissions may ask about."""

ABOVE_PROJECTS = (
    "accesscontextmanager.",
    "cloudkms.folders.",
    "iam.workforcePool",
    "resourcemanager.folders.",
    "resourcemanager.organizations.",
)
"""What begins so is about folders and organizations."""

ABOVE_PROJECTS_ALONE = frozenset(
    ("resourcemanager.projects.create", "resourcemanager.projects.list")
)
"""What is asked on the folder or organization that projects are in."""

_OBJECTS = ("storage.multipartUploads.", "storage.objects.")
_FOLDERS = ("storage.folders.", "storage.managedFolders.", *_OBJECTS)
_BUCKETS = ("storage.anywhereCaches.", "storage.bucketOperations.", "storage.buckets.", *_FOLDERS)
_BEGINNINGS: Mapping[Level, tuple[str, ...]] = {
    Level.BUCKET: _BUCKETS,
    Level.MANAGED_FOLDER: _FOLDERS,
    Level.SERVICE_ACCOUNT: ("iam.",),
    Level.WORKFORCE_POOL: ("iam.",),
    Level.ACCESS_POLICY: ("accesscontextmanager.",),
    Level.LOG_VIEW: ("logging.",),
    **dict.fromkeys(KMS, ("cloudkms.",)),
    **dict.fromkeys(TAGS, ("resourcemanager.",)),
}
_ON_PROJECTS = frozenset(("storage.buckets.create", "storage.buckets.list"))
_WELL_FORMED = re.compile(r"[a-z][a-z0-9-]{0,62}(?:\.[A-Za-z][A-Za-z0-9_-]{0,62}){2,4}")
_OTHERS = frozenset(("firebase",))
"""Services that are not here, though roles carry permissions of theirs."""

_SERVICES = frozenset(one.partition(".")[0] for one in PERMISSIONS) - _OTHERS


@cache
def testable(level: Level) -> frozenset[str]:
    """Return the permissions of this universe that can be asked about on a kind of resource.

    Below projects they are those of its service that roles granted there carry.
    """
    if level is Level.PROJECT:
        above = {one for one in PERMISSIONS if one.startswith(ABOVE_PROJECTS)}
        return PERMISSIONS - above - ABOVE_PROJECTS_ALONE
    if level in HIERARCHY:
        return PERMISSIONS
    carried = frozenset[str]().union(
        *(role.permissions for role in ROLES.values() if level in role.levels)
    )
    beginnings = _BEGINNINGS[level]
    return frozenset(one for one in carried if one.startswith(beginnings)) - _ON_PROJECTS


@cache
def testable_on_objects() -> frozenset[str]:
    """Return the permissions that can be asked about on an object of Cloud Storage."""
    return frozenset(one for one in testable(Level.MANAGED_FOLDER) if one.startswith(_OBJECTS))


def check_asked(names: Iterable[object], level: Level) -> list[str]:
    """Return the permissions that a caller asks about on a kind of resource, or raise."""
    elsewhere = level in HIERARCHY
    return check_among(names, testable(level), elsewhere=elsewhere)


def check_among(
    names: Iterable[object], known: frozenset[str], *, elsewhere: bool = False
) -> list[str]:
    """Return permissions that are all among the known ones; raises 400 for the first that is not.

    With `elsewhere`, those of services that are not here pass too.
    """
    asked = list(names)
    if len(asked) > PERMISSIONS_PER_TEST_MAX:
        raise invalid(
            f"The request asks about {len(asked)} permissions; "
            f"{PERMISSIONS_PER_TEST_MAX} are allowed.",
            field="permissions",
        )
    return [_checked(one, known, elsewhere=elsewhere) for one in asked]


def _checked(name: object, known: frozenset[str], *, elsewhere: bool) -> str:
    if not isinstance(name, str) or not _WELL_FORMED.fullmatch(name):
        raise invalid(
            f"{str(name)[:200]!r} is no permission; wildcards are not allowed.",
            field="permissions",
        )
    if name not in known and not (elsewhere and name.partition(".")[0] not in _SERVICES):
        message = f"Permission {name[:200]} is not valid for this resource."
        raise invalid(message, field="permissions")
    return name
