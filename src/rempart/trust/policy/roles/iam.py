"""IAM's roles on service accounts."""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, PROJECT_SEEN, Level, Role, of

_ACCOUNT_SEEN = of("iam.serviceAccounts", "get list") | PROJECT_SEEN

_BOUNDARY_SEEN = of("iam.principalaccessboundarypolicies", "get list searchPolicyBindings") | of(
    "iam.policybindings", "get list"
)


def _account(name: str, title: str, permissions: frozenset[str]) -> Role:
    levels = HIERARCHY | Level.SERVICE_ACCOUNT
    return Role(f"roles/iam.serviceAccount{name}", title, permissions, levels)


ROLES = (
    Role(
        "roles/iam.denyAdmin",
        "Deny Admin",
        of("iam.denypolicies", "create delete get list update"),
    ),
    Role(
        "roles/iam.principalAccessBoundaryAdmin",
        "Principal Access Boundary Policy Admin",
        _BOUNDARY_SEEN | of("iam.principalaccessboundarypolicies", "bind create delete update"),
    ),
    Role(
        "roles/iam.principalAccessBoundaryUser",
        "Principal Access Boundary Policy User",
        _BOUNDARY_SEEN | of("iam.principalaccessboundarypolicies", "bind"),
    ),
    Role(
        "roles/iam.principalAccessBoundaryViewer",
        "Principal Access Boundary Policy Viewer",
        _BOUNDARY_SEEN,
    ),
    Role("roles/iam.denyReviewer", "Deny Reviewer", of("iam.denypolicies", "get list")),
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
