"""The role that is a universe's own: to lower the label of sensitivity."""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, Level, Role

ROLES = (
    Role(
        "roles/rempart.sensitivityAdmin",
        "Sensitivity Admin",
        frozenset(("rempart.sensitivity.lower",)),
        HIERARCHY | Level.BUCKET,
    ),
)
