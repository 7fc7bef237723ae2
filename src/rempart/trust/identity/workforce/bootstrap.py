"""First ways in: a pool of this universe's own for each organization, and one-time tokens for it.

A token names its record, so that it is found without a search, and carries 256 secret bits; the
record has its SHA-256 alone.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from rempart.core.clock import Random
from rempart.trust.identity.workforce.names import POOLS_STEM, PoolName, ProviderName

PROVIDER_ID = "one-time-token"
_POOL_PREFIX = "rempart-bootstrap-"
_SECRET_BYTES = 32
_TOKEN = re.compile(r"([0-9]{1,20})\.([0-9a-f]{1,40})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Named:
    """The record that a token names."""

    organization: str
    id: str


def provider_of(organization: str) -> ProviderName:
    """Return the provider that lets an organization's first people in by one-time tokens."""
    number = organization.removeprefix("organizations/")
    return ProviderName(PoolName(f"{_POOL_PREFIX}{number}"), PROVIDER_ID)


def is_first_way_in(pool: str) -> bool:
    """Tell whether a pool is one of those: whom it let in once does not come that way again."""
    return pool.startswith(f"{POOLS_STEM}/{_POOL_PREFIX}")


def new_token(organization: str, id_: str, random: Random) -> str:
    """Return a fresh token."""
    secret = urlsafe_b64encode(random(_SECRET_BYTES)).rstrip(b"=").decode()
    return f"{organization.removeprefix('organizations/')}.{id_}.{secret}"


def named_by(token: str) -> Named | None:
    """Return the record that a token names, None where it is no token."""
    found = _TOKEN.fullmatch(token)
    return Named(f"organizations/{found[1]}", found[2]) if found else None
