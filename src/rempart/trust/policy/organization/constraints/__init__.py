"""Every constraint that this universe enforces, one file for each service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rempart.trust.policy.organization.constraint import Constraint
from rempart.trust.policy.organization.constraints import cloudkms, gcp, iam, storage

__all__ = ["CALLS", "CONSTRAINTS", "STRICT_SERVICES", "of_type"]

CONSTRAINTS: Mapping[str, Constraint] = {
    one.name: one
    for service in (gcp, iam, storage, cloudkms)
    for one in sorted(service.CONSTRAINTS, key=lambda one: one.name)
}
"""By name: `gcp.resourceLocations`."""

CALLS = tuple(one for one in CONSTRAINTS.values() if one.calls is not None)
"""Those that every call is asked about, not only what would make something."""

STRICT_SERVICES = frozenset(
    kind.partition(".")[0] for one in CONSTRAINTS.values() if one.denies for kind in one.types
)
"""The services where something is refused until a policy allows it: `iamcredentials`."""


def of_type(kind: str) -> Sequence[Constraint]:
    """Return the constraints that judge a type of resource."""
    return [one for one in CONSTRAINTS.values() if not one.types or kind in one.types]
