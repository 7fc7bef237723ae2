"""Names of workload identity pools and what is in them.

Requests name the project by id or number; documents, members and answers by its number.
"""

from __future__ import annotations

import re

from rempart.core.errors import CloudError, invalid

POOL_ID = re.compile(r"[a-z0-9-]{4,32}")
PROVIDER_ID = re.compile(r"[a-z0-9-]{4,32}")
RESERVED = "gcp-"

_PROJECT = r"projects/(?P<project>[^/\x00]{1,100})/locations/(?P<location>[^/\x00]{1,64})"
_POOL = rf"{_PROJECT}/workloadIdentityPools/(?P<pool>[^/\x00]{{1,64}})"
_ANY = re.compile(
    rf"{_PROJECT}(?:/workloadIdentityPools/(?P<pool>[^/\x00]{{1,64}})"
    r"(?:/providers/(?P<provider>[^/\x00]{1,64}))?(?:/operations/(?P<operation>[0-9a-f]{1,64}))?)?"
)


class Named:
    """What a path names; a part that it does not go down to is empty."""

    __slots__ = ("operation", "pool", "project", "provider")

    def __init__(self, name: str) -> None:
        found = _ANY.fullmatch(name)
        if found is None:
            raise invalid(f"{name[:200]!r} is not the name of a resource.", field="name")
        if found["location"] != "global":
            raise invalid("The location of identity pools is global.", field="name")
        self.project: str = found["project"]
        self.pool: str = found["pool"] or ""
        self.provider: str = found["provider"] or ""
        self.operation: str = found["operation"] or ""


def pool_name(number: str, pool: str) -> str:
    """Return a pool's full name."""
    return f"projects/{number}/locations/global/workloadIdentityPools/{pool}"


def check_id(id_: str, field: str) -> str:
    """Return the id that a new pool or provider is to have; raises where it may not."""
    if not POOL_ID.fullmatch(id_):
        raise _bad_id(field, "has 4 to 32 small letters, digits and hyphens")
    if id_.startswith(RESERVED):
        raise _bad_id(field, f"may not begin with {RESERVED!r}, which is Google's")
    return id_


def _bad_id(field: str, rule: str) -> CloudError:
    return invalid(f"{field} {rule}.", field=field)
