"""What the recommender keeps of a grant: since when it is there, and what became of it."""

from __future__ import annotations

import hashlib

import msgspec

from rempart.trust.custody.kind import Kind


class GivenRole(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A role given to one member by a policy; `first` and `seen` are days since the epoch.

    It was there at each daily look from `first` to `seen`. `state` is what callers said of its
    recommendation, `noted` what they added.
    """

    resource: str
    type: str
    role: str
    member: str
    condition: str = ""
    first: int
    seen: int
    state: str = "ACTIVE"
    noted: dict[str, str] = {}

    @property
    def etag(self) -> str:
        """Return the entity tag of its recommendation."""
        told = f"{self.state}\x00{sorted(self.noted.items())}"
        return f'"{hashlib.sha256(told.encode()).hexdigest()[:16]}"'


GIVEN: Kind[GivenRole] = Kind(b"~", GivenRole)
"""By the level of the hierarchy that the policy is on or below, then by `id_of`."""


def id_of(resource: str, role: str, member: str, condition: str) -> str:
    """Return the id of the recommendation about a grant."""
    told = f"{resource}\x00{role}\x00{member}\x00{condition}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]
