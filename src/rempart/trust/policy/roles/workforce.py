"""IAM's roles on workforce pools."""

from __future__ import annotations

from rempart.trust.policy.roles.role import Level, Role, of

_VIEWER = (
    of("iam.workforcePools", "get getIamPolicy list")
    | of("iam.workforcePoolProviders", "get list")
    | of("iam.workforcePoolProviderKeys", "get list")
)
_EDITOR = (
    _VIEWER
    | of("iam.workforcePools", "create delete undelete update")
    | of("iam.workforcePoolProviders", "create delete undelete update")
    | of("iam.workforcePoolProviderKeys", "create delete undelete")
    | of("iam.workforcePoolSubjects", "delete undelete")
)
_ADMIN = _EDITOR | of("iam.workforcePools", "setIamPolicy")
_LEVELS = Level.ORGANIZATION | Level.WORKFORCE_POOL

ROLES = (
    Role("roles/iam.workforcePoolAdmin", "IAM Workforce Pool Admin", _ADMIN, _LEVELS),
    Role("roles/iam.workforcePoolEditor", "IAM Workforce Pool Editor", _EDITOR, _LEVELS),
    Role("roles/iam.workforcePoolViewer", "IAM Workforce Pool Viewer", _VIEWER, _LEVELS),
)
