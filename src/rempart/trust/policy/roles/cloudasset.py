"""Cloud Asset Inventory's roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import Role, of

VIEWED = of("cloudasset.assets", "analyzeIamPolicy searchAllIamPolicies")

ROLES = (
    Role("roles/cloudasset.owner", "Cloud Asset Owner", VIEWED),
    Role("roles/cloudasset.viewer", "Cloud Asset Viewer", VIEWED),
)
