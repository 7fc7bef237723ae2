"""What is left of a deleted key: its name, so that no other key ever gets it.

Source: RetiredResource of google.cloud.kms.v1. Google does not say how the ids are made; here they
are `RING.KEY`, which no other key of the location can have.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from typing_extensions import override

from rempart.core.errors import invalid
from rempart.services.kms.model.names import CryptoKeyName, KeyRingName, LocationName, in_location

NOUN = "retiredResources"
RESOURCE_TYPE = "cloudkms.googleapis.com/CryptoKey"


class RetiredResource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key that was deleted, and when."""

    original: str
    deleted: int


@dataclass(frozen=True, slots=True)
class RetiredName:
    """`…/retiredResources/RING.KEY`."""

    original: CryptoKeyName

    @property
    def location(self) -> LocationName:
        """Return where the key was."""
        return self.original.parent.parent

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts of the deleted key's name."""
        return self.original.parts

    @override
    def __str__(self) -> str:
        return f"{self.location}/{NOUN}/{self.original.parent.id}.{self.original.id}"


def retired_name(text: str) -> RetiredName:
    """Return the name of a retired resource."""
    location, id_ = in_location(text, NOUN)
    ring, _, key = id_.partition(".")
    if not ring or not key:
        raise invalid("The id of a retired resource has the form RING.KEY.", field="name")
    return RetiredName(CryptoKeyName(KeyRingName(location, ring), key))
