"""Names of workforce pools and what they hold: `locations/global/workforcePools/P/providers/X`.

Source: google.iam.admin.v1's WorkforcePools service. `parts` are what a document's key is made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from typing_extensions import override

from rempart.core.errors import CloudError, invalid, required

SUBJECT_CHARS_MAX = 127
POOLS_STEM = "locations/global/workforcePools"
_POOL_ID = re.compile(r"[a-z](?:[a-z0-9-]{4,61})[a-z0-9]")
_PROVIDER_ID = re.compile(r"[a-z0-9-]{4,32}")
_RESERVED = ("gcp-", "rempart-")
_POOL = re.compile(r"locations/([^/]+)/workforcePools/([a-z0-9-]{1,63})")
_PROVIDER = re.compile(rf"({_POOL.pattern})/providers/([a-z0-9-]{{1,32}})")
_SUBJECT = re.compile(rf"({_POOL.pattern})/subjects/(.+)", re.DOTALL)
_OPERATION = re.compile(r"(locations/.+)/operations/([0-9a-f]{1,64})")


@dataclass(frozen=True, slots=True)
class PoolName:
    """`locations/global/workforcePools/P`."""

    id: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the whole name."""
        return (str(self),)

    @override
    def __str__(self) -> str:
        return f"{POOLS_STEM}/{self.id}"


@dataclass(frozen=True, slots=True)
class ProviderName:
    """`…/workforcePools/P/providers/X`."""

    pool: PoolName
    id: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the pool's name and the provider's id."""
        return (*self.pool.parts, self.id)

    @override
    def __str__(self) -> str:
        return f"{self.pool}/providers/{self.id}"


@dataclass(frozen=True, slots=True)
class SubjectName:
    """`…/workforcePools/P/subjects/S`; a subject is any text."""

    pool: PoolName
    subject: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the pool's name and the subject."""
        return (*self.pool.parts, self.subject)

    @override
    def __str__(self) -> str:
        return f"{self.pool}/subjects/{self.subject}"


def pool(text: str) -> PoolName:
    """Return the name of a pool."""
    found = _POOL.fullmatch(text)
    if found is None:
        raise _malformed(text)
    location(found[1])
    return PoolName(found[2])


def provider(text: str) -> ProviderName:
    """Return the name of a provider."""
    found = _PROVIDER.fullmatch(text)
    if found is None:
        raise _malformed(text)
    return ProviderName(pool(found[1]), found[4])


def subject(text: str) -> SubjectName:
    """Return the name of a subject."""
    found = _SUBJECT.fullmatch(text)
    if found is None or len(found[4]) > SUBJECT_CHARS_MAX or "\x00" in found[4]:
        raise _malformed(text)
    return SubjectName(pool(found[1]), found[4])


def operation(text: str) -> tuple[PoolName, str]:
    """Return the pool in which an operation was done, and the operation's own name."""
    found = _OPERATION.fullmatch(text)
    if found is None:
        raise _malformed(text)
    return pool("/".join(found[1].split("/")[:4])), text


def location(id_: str) -> None:
    """Raise unless a location is the one that pools live in."""
    if id_ != "global":
        raise invalid(f"Workforce pools live in locations/global, not in {id_[:80]}.", field="name")


def new_pool(id_: str) -> PoolName:
    """Return the name of a pool that is to be made; the id is checked by Google's rule."""
    if not id_:
        raise required("workforcePoolId is required.", field="workforcePoolId")
    if not _POOL_ID.fullmatch(id_) or id_.startswith(_RESERVED):
        raise invalid(
            "A workforcePoolId has 6 to 63 lower-case letters, digits and hyphens, begins with a"
            " letter, ends with no hyphen and begins with none of: " + ", ".join(_RESERVED),
            field="workforcePoolId",
        )
    return PoolName(id_)


def new_provider(above: PoolName, id_: str) -> ProviderName:
    """Return the name of a provider that is to be made."""
    if not id_:
        raise required("workforcePoolProviderId is required.", field="workforcePoolProviderId")
    if not _PROVIDER_ID.fullmatch(id_) or id_.startswith(_RESERVED):
        raise invalid(
            "A workforcePoolProviderId has 4 to 32 lower-case letters, digits and hyphens, and"
            " begins with none of: " + ", ".join(_RESERVED),
            field="workforcePoolProviderId",
        )
    return ProviderName(above, id_)


def _malformed(text: str) -> CloudError:
    return invalid(f"{text[:200]!r} is not the name of such a resource.", field="name")
