"""Access Context Manager's roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, PROJECT_SEEN, Level, Role, of

_PARTS = ("accessLevels", "authorizedOrgsDescs", "servicePerimeters")
_BINDINGS = "accesscontextmanager.gcpUserAccessBindings"


def _each(verbs: str) -> frozenset[str]:
    return frozenset[str]().union(*(of(f"accesscontextmanager.{part}", verbs) for part in _PARTS))


_READER = (
    _each("get list")
    | of("accesscontextmanager.policies", "get getIamPolicy list")
    | of("resourcemanager.organizations", "get")
    | PROJECT_SEEN
)
_EDITOR = (
    _READER
    | _each("create delete update")
    | of("accesscontextmanager.accessLevels", "replaceAll")
    | of("accesscontextmanager.servicePerimeters", "commit replaceAll")
    | of("accesscontextmanager.policies", "create delete update")
)
_ADMIN = _EDITOR | of("accesscontextmanager.policies", "setIamPolicy")


def _role(name: str, title: str, permissions: frozenset[str]) -> Role:
    levels = HIERARCHY | Level.ACCESS_POLICY
    return Role(f"roles/accesscontextmanager.{name}", title, permissions, levels)


ROLES = (
    _role("policyAdmin", "Access Context Manager Admin", _ADMIN),
    _role("policyEditor", "Access Context Manager Editor", _EDITOR),
    _role("policyReader", "Access Context Manager Reader", _READER),
    Role(
        "roles/accesscontextmanager.gcpAccessAdmin",
        "Cloud Access Binding Admin",
        of(_BINDINGS, "create delete get list update"),
    ),
    Role(
        "roles/accesscontextmanager.gcpAccessReader",
        "Cloud Access Binding Reader",
        of(_BINDINGS, "get list"),
    ),
)
