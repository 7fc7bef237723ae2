"""Organization Policy's roles.

Who sets policies is decided in the organization, where the role is granted, under a condition on
tags if need be: an owner who may set a project's policy of IAM would else lift what binds it.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import Level, Role, of

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
        Level.ORGANIZATION,
    ),
    Role("roles/orgpolicy.policyViewer", "Organization Policy Viewer", _VIEWER),
)
