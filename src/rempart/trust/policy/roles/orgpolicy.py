"""Organization Policy's roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import Role, of

_VIEWER = (
    of("orgpolicy.constraints", "list")
    | of("orgpolicy.customConstraints", "get list")
    | of("orgpolicy.policies", "list")
    | of("orgpolicy.policy", "get")
)

ROLES = (
    Role(
        "roles/orgpolicy.policyAdmin",
        "Organization Policy Administrator",
        _VIEWER
        | of("orgpolicy.customConstraints", "create delete update")
        | of("orgpolicy.policies", "create delete update")
        | of("orgpolicy.policy", "set"),
    ),
    Role("roles/orgpolicy.policyViewer", "Organization Policy Viewer", _VIEWER),
)
