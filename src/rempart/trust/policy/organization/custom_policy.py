"""A custom constraint as policies see it: a boolean one, that holds where it is enforced."""

from __future__ import annotations

from rempart.trust.policy.organization.constraint import Constraint, Shape
from rempart.trust.policy.organization.documents import CustomConstraint


def as_constraint(name: str, custom: CustomConstraint) -> Constraint:
    """Return the constraint that policies of this name configure."""
    return Constraint(
        name=name,
        title=custom.display_name,
        description=custom.description,
        shape=Shape.BOOLEAN,
        types=frozenset((custom.resource_type,)),
    )
