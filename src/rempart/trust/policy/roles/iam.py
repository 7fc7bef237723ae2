"""IAM's roles: on service accounts, custom roles, and what limits rights.

Deny policies and principal access boundaries are administered from above projects only, and no
custom role may carry their permissions: who is denied something must not be able to undo it.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, PROJECT_SEEN, Level, Role, of

_ACCOUNT_SEEN = of("iam.serviceAccounts", "get list") | PROJECT_SEEN


def _account(name: str, title: str, permissions: frozenset[str]) -> Role:
    levels = HIERARCHY | Level.SERVICE_ACCOUNT
    return Role(f"roles/iam.serviceAccount{name}", title, permissions, levels)


def _iam(name: str, title: str, permissions: frozenset[str], levels: Level = HIERARCHY) -> Role:
    return Role(f"roles/iam.{name}", title, permissions, levels)


_ABOVE_PROJECTS = Level.ORGANIZATION | Level.FOLDER
_CUSTOM = of("iam.roles", "create delete get list undelete update")
_CUSTOM_SEEN = of("iam.roles", "get list")
_PROJECT_POLICY = of("resourcemanager.projects", "get getIamPolicy")
_ORGANIZATION_POLICY = of("resourcemanager.organizations", "get getIamPolicy") | of(
    "resourcemanager.projects", "get getIamPolicy list"
)
_BOUNDARIES = "iam.principalaccessboundarypolicies"
_BOUNDARY_SEEN = of(_BOUNDARIES, "get list searchPolicyBindings") | of(
    "iam.policybindings", "get list"
)
_ADMINISTRATION = (
    _iam("roleAdmin", "Role Administrator", _CUSTOM | _PROJECT_POLICY),
    _iam("roleViewer", "Role Viewer", _CUSTOM_SEEN | _PROJECT_POLICY),
    _iam(
        "organizationRoleAdmin",
        "Organization Role Administrator",
        _CUSTOM | _ORGANIZATION_POLICY,
        Level.ORGANIZATION,
    ),
    _iam(
        "organizationRoleViewer",
        "Organization Role Viewer",
        _CUSTOM_SEEN | _ORGANIZATION_POLICY,
        Level.ORGANIZATION,
    ),
    _iam(
        "denyAdmin",
        "Deny Admin",
        of("iam.denypolicies", "create delete get list update"),
        _ABOVE_PROJECTS,
    ),
    _iam("denyReviewer", "Deny Reviewer", of("iam.denypolicies", "get list"), _ABOVE_PROJECTS),
    _iam(
        "principalAccessBoundaryAdmin",
        "Principal Access Boundary Policy Admin",
        _BOUNDARY_SEEN | of(_BOUNDARIES, "bind create delete unbind update"),
        Level.ORGANIZATION,
    ),
    _iam(
        "principalAccessBoundaryUser",
        "Principal Access Boundary Policy User",
        _BOUNDARY_SEEN | of(_BOUNDARIES, "bind unbind"),
        Level.ORGANIZATION,
    ),
    _iam(
        "principalAccessBoundaryViewer",
        "Principal Access Boundary Policy Viewer",
        _BOUNDARY_SEEN,
        Level.ORGANIZATION,
    ),
)

ROLES = (
    *_ADMINISTRATION,
    _account(
        "Admin",
        "Service Account Admin",
        _ACCOUNT_SEEN
        | of(
            "iam.serviceAccounts",
            "create createTagBinding delete deleteTagBinding disable enable getIamPolicy "
            "listEffectiveTags listTagBindings setIamPolicy undelete update",
        )
        | of("iam.serviceAccountApiKeyBindings", "create delete undelete"),
    ),
    _account(
        "Creator", "Create Service Accounts", _ACCOUNT_SEEN | of("iam.serviceAccounts", "create")
    ),
    _account(
        "Deleter", "Delete Service Accounts", _ACCOUNT_SEEN | of("iam.serviceAccounts", "delete")
    ),
    _account(
        "KeyAdmin",
        "Service Account Key Admin",
        _ACCOUNT_SEEN | of("iam.serviceAccountKeys", "create delete disable enable get list"),
    ),
    _account(
        "TokenCreator",
        "Service Account Token Creator",
        _ACCOUNT_SEEN
        | of(
            "iam.serviceAccounts",
            "getAccessToken getOpenIdToken implicitDelegation signBlob signJwt",
        ),
    ),
    _account("User", "Service Account User", _ACCOUNT_SEEN | of("iam.serviceAccounts", "actAs")),
    _account(
        "Viewer",
        "View Service Accounts",
        _ACCOUNT_SEEN
        | of("iam.serviceAccounts", "getIamPolicy")
        | of("iam.serviceAccountKeys", "get list"),
    ),
)
