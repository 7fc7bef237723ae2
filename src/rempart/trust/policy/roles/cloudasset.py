"""Cloud Asset Inventory's roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import Role, of

_VIEWED = of("cloudasset.assets", "analyzeIamPolicy searchAllIamPolicies")

ROLES = (
    Role("roles/cloudasset.owner", "Cloud Asset Owner", _VIEWED),
    Role("roles/cloudasset.viewer", "Cloud Asset Viewer", _VIEWED),
)
