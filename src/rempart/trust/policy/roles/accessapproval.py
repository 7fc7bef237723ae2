"""Access Approval's roles.

Nobody has them by a basic role: who decides on the operator's access is chosen for that.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import PROJECT_SEEN, Role, of

_SEEN = (
    of("accessapproval.serviceAccounts", "get")
    | of("accessapproval.settings", "get")
    | PROJECT_SEEN
)

ROLES = (
    Role(
        "roles/accessapproval.approver",
        "Access Approval Approver",
        _SEEN | of("accessapproval.requests", "approve dismiss get invalidate list"),
    ),
    Role(
        "roles/accessapproval.configEditor",
        "Access Approval Config Editor",
        _SEEN | of("accessapproval.settings", "delete update"),
    ),
    Role(
        "roles/accessapproval.invalidator",
        "Access Approval Invalidator",
        _SEEN | of("accessapproval.requests", "invalidate"),
    ),
    Role(
        "roles/accessapproval.viewer",
        "Access Approval Viewer",
        _SEEN | of("accessapproval.requests", "get list"),
    ),
)
