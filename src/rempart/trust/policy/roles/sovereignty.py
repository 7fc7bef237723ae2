"""The role that is a universe's own: to lower the label of sensitivity.

It is granted on an organization alone: owners of a project would else give it to themselves.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import Level, Role

ROLES = (
    Role(
        "roles/rempart.sensitivityAdmin",
        "Sensitivity Admin",
        frozenset(("rempart.sensitivity.lower",)),
        Level.ORGANIZATION,
    ),
)
