"""What a custom role may be, and how roles are shown.

Source: google.iam.admin.v1.Role; the pages on custom roles and on quotas and limits of IAM.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.document import Document, camel, only, strings, text
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.limits import KIB
from rempart.trust.policy.custom_roles import CustomRole
from rempart.trust.policy.roles import PERMISSIONS, Role
from rempart.trust.policy.testable import ABOVE_PROJECTS, ABOVE_PROJECTS_ALONE

TITLE_BYTES_MAX = 100
DESCRIPTION_BYTES_MAX = 256
PERMISSIONS_MAX = 3000
ROLE_BYTES_MAX = 64 * KIB
"""The title, the description and the names of the permissions together."""

ROLES_PER_CONTAINER_MAX = 300
UNDELETE_SECONDS = 7 * 24 * 3600
"""How long a deleted role can be undeleted and is listed; its id is never given again."""

STAGES = ("ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP")
_SECOND = 1_000_000
_NAME = re.compile(r"(projects|organizations)/([^/\x00]{1,100})/roles/([A-Za-z0-9_.]{1,64})")
_ID = re.compile(r"[A-Za-z0-9_.]{3,64}")
_FIELDS = frozenset(("title", "description", "includedPermissions", "stage"))
_OUTPUT = frozenset(("name", "etag", "deleted"))
_IN_NO_CUSTOM_ROLE = (
    "iam.denypolicies.",
    "iam.principalaccessboundarypolicies.",
    *(f"orgpolicy.{one}" for one in ("policies.create", "policies.delete", "policies.update")),
    "orgpolicy.policy.set",
)
"""What limits rights is administered by predefined roles alone."""


@dataclass(frozen=True, slots=True)
class RoleName:
    """`projects/P/roles/R` or `organizations/N/roles/R`, by its parts."""

    noun: str
    container: str
    role: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """Return the key of the role's document."""
        return (self.noun, self.container, self.role)

    @property
    def full(self) -> str:
        """Return the name as bindings have it."""
        return f"{self.noun}/{self.container}/roles/{self.role}"


def supported(permission: str) -> bool:
    """Tell whether any custom role may have a permission."""
    return permission in PERMISSIONS and not permission.startswith(_IN_NO_CUSTOM_ROLE)


def role_name(name: str) -> RoleName:
    """Return the custom role that a path names."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise invalid(f"{name[:200]!r} is not the name of a custom role.", field="name")
    return RoleName(found[1], found[2], found[3])


def new_name(parent: str, role_id: str) -> RoleName:
    """Return the name of a new role."""
    if not _ID.fullmatch(role_id):
        raise invalid(
            "A role id has 3 to 64 letters, digits, underscores and periods.", field="roleId"
        )
    noun, _, container = parent.partition("/")
    return RoleName(noun, container, role_id)


def for_custom_roles(permission: str, noun: str) -> bool:
    """Tell whether custom roles of projects, or of organizations, may have a permission."""
    if not supported(permission):
        return False
    above = permission in ABOVE_PROJECTS_ALONE or permission.startswith(ABOVE_PROJECTS)
    return noun == "organizations" or not above


def created(document: Document, noun: str, etag: str, now: Micros) -> CustomRole:
    """Return the role that a request describes."""
    blank = CustomRole(permissions=frozenset(), created=now)
    return changed(blank, document, _FIELDS & document.keys(), noun, etag=etag)


def changed(
    old: CustomRole, document: Document, paths: frozenset[str], noun: str, *, etag: str
) -> CustomRole:
    """Return a role with these fields as a request has them."""
    only(document, *_FIELDS, *_OUTPUT)
    role = replace(
        old,
        title=text(document, "title") if "title" in paths else old.title,
        description=text(document, "description") if "description" in paths else old.description,
        stage=text(document, "stage", "ALPHA") if "stage" in paths else old.stage,
        permissions=_permissions(document, noun)
        if "includedPermissions" in paths
        else old.permissions,
        etag=etag,
    )
    _check(role)
    return role


def masked(mask: str, document: Document) -> frozenset[str]:
    """Return the fields that a mask names; without one, those that the document has."""
    if not mask:
        return _FIELDS & document.keys()
    paths = {camel(path.strip()) for path in mask.split(",")} - {""}
    if not paths <= _FIELDS | _OUTPUT:
        raise invalid("updateMask names fields that a role has not.", field="updateMask")
    return frozenset(paths & _FIELDS)


def require_current(role: CustomRole, etag: str, field: str) -> None:
    """Raise ABORTED where a request was made for another state of the role."""
    if etag and etag.replace("-", "+").replace("_", "/") != role.etag:
        raise CloudError(
            Code.ABORTED,
            "The role changed meanwhile. Read it again, change that, and retry.",
            reason="conflict",
            field=field,
        )


def gone(role: CustomRole, now: Micros) -> bool:
    """Tell whether a role was deleted so long ago that nothing shows it any more."""
    return role.deleted is not None and now >= role.deleted + UNDELETE_SECONDS * _SECOND


def custom_json(name: str, role: CustomRole, *, full: bool) -> dict[str, object]:
    """Return a custom role as JSON; the stage ALPHA is not shown, as it is the default."""
    document: dict[str, object] = {"name": name, "etag": role.etag}
    texts = {"title": role.title, "description": role.description}
    document |= {field: value for field, value in texts.items() if value}
    document |= {"stage": role.stage} if role.stage != STAGES[0] else {}
    document |= {"deleted": True} if role.deleted is not None else {}
    return document | (_listed(role.permissions) if full else {})


def predefined_json(role: Role, *, full: bool) -> dict[str, object]:
    """Return a predefined role as JSON."""
    document: dict[str, object] = {
        "name": role.name,
        "title": role.title,
        "stage": "GA",
        "etag": "AA==",
    }
    return document | (_listed(role.permissions) if full else {})


def _listed(permissions: Iterable[str]) -> dict[str, object]:
    found = sorted(permissions)
    return {"includedPermissions": found} if found else {}


def _permissions(document: Document, noun: str) -> frozenset[str]:
    asked = strings(document, "includedPermissions")
    if len(asked) > PERMISSIONS_MAX:
        raise invalid(
            f"The role has {len(asked)} permissions; {PERMISSIONS_MAX} are allowed.",
            field="role.includedPermissions",
        )
    for one in asked:
        if not for_custom_roles(one, noun):
            known = one in PERMISSIONS and not supported(one)
            why = "is not supported in custom roles" if known else "is not valid"
            message = f"Permission {one[:200]} {why}."
            raise invalid(message, field="role.includedPermissions")
    return frozenset(asked)


def _check(role: CustomRole) -> None:
    limits = (
        ("title", role.title, TITLE_BYTES_MAX),
        ("description", role.description, DESCRIPTION_BYTES_MAX),
    )
    for name, value, most in limits:
        if len(value.encode()) > most:
            message = f"{name} has {len(value.encode())} bytes; {most} are allowed."
            raise invalid(message, field=f"role.{name}")
    if role.stage not in STAGES:
        raise invalid(f"{role.stage[:60]!r} is no launch stage.", field="role.stage")
    names = sum(map(len, role.permissions))
    size = names + len(role.title.encode()) + len(role.description.encode())
    if size > ROLE_BYTES_MAX:
        raise invalid(f"The role has {size} bytes; {ROLE_BYTES_MAX} are allowed.", field="role")
