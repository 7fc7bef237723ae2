"""Every constraint that this universe enforces, one file for each service."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rempart.trust.policy.organization.constraint import Constraint
from rempart.trust.policy.organization.constraints import cloudkms, gcp, iam, storage

__all__ = ["CALLS", "CONSTRAINTS", "STRICT_SERVICES", "bears_on", "of_type"]

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

_NOUNS = frozenset(kind.lower() for one in CONSTRAINTS.values() for kind in one.types)
_SERVICES = {"resourcemanager": "cloudresourcemanager"}
_MADE = {"iam.serviceAccounts.getAccessToken": "iamcredentials.googleapis.com/accesstoken"}


def of_type(kind: str) -> Sequence[Constraint]:
    """Return the constraints that judge a type of resource."""
    return [one for one in CONSTRAINTS.values() if not one.types or kind in one.types]


def bears_on(permission: str, types: Collection[str]) -> bool:
    """Tell whether constraints on such types may judge what calls with a permission make.

    By the names alone: `storage.buckets.create` makes a `storage.googleapis.com/Bucket`. Where no
    type of a service goes by the permission's noun, each of its types may be meant.
    """
    head, _, rest = permission.partition(".")
    service = f"{_SERVICES.get(head, head)}.googleapis.com/"
    noun, _, verb = rest.rpartition(".")
    made = "allowpolicy" if verb == "setIamPolicy" else noun.lower().removesuffix("s")
    whole = _MADE.get(permission, service + made)
    own = {one.lower() for one in types}
    return not own or whole in own or (whole not in _NOUNS and _any_of(service, own))


def _any_of(service: str, types: Collection[str]) -> bool:
    return any(one.startswith(service) for one in types)
