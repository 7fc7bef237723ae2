"""Organization restrictions: a proxy's header says which organizations its people may reach.

`X-Goog-Allowed-Resources` is base64url of JSON: `resources` names organizations, `options` is
`strict`, or `cloudStorageReadAllowed`, which lets Cloud Storage be read anywhere. Google's check
lets a request through when it fails inside; this one refuses: a header that cannot be understood,
a resource whose organization is unknown.

Source: Google's pages on organization restrictions, errors included.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from functools import lru_cache
from typing import Literal

import msgspec

from rempart.core.errors import CloudError, ErrorInfo, denied, invalid
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.guard import SILENT, Asked, Opinion
from rempart.trust.policy.hierarchy import Organization, ancestors, find_project
from rempart.trust.policy.perimeters.documents import ACCESS_POLICIES

HEADER = "x-goog-allowed-resources"
HEADER_CHARS_MAX = 8192
ORGANIZATIONS_MAX = 100
READING = "cloudStorageReadAllowed"
STORAGE = "storage"
_HEADERS_KEPT_MAX = 256
_URL_SAFE = str.maketrans("-_", "+/")
_ORGANIZATION = re.compile(r"organizations/[1-9][0-9]{0,19}")
_CONTAINER = re.compile(r"(?:organizations|folders)/[0-9]+")


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the header says."""

    resources: tuple[str, ...]
    options: Literal["strict", "cloudStorageReadAllowed"] = "strict"


class RestrictionGuard:
    """Refuses what lies outside the organizations that a request's header names."""

    title = "Organization restrictions"

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed

    async def check(self, asked: Asked) -> None:
        """Raise Google's refusal; without the header it costs one look-up."""
        header = asked.call.headers.get(HEADER)
        if header is None:
            return
        refusal = await self._refusal(asked, header)
        if refusal is not None:
            raise refusal

    async def opinion(self, asked: Asked) -> Opinion:
        """Return whether a call with this header would be refused: it is the caller's own."""
        header = asked.call.headers.get(HEADER)
        refusal = await self._refusal(asked, header) if header is not None else None
        if refusal is None:
            return SILENT
        todo = f"The proxy that sets the header {HEADER} decides which organizations it names."
        return Opinion(f"{refusal.message} {todo}")

    async def _refusal(self, asked: Asked, header: str) -> CloudError | None:
        allowed = _read(header)
        if allowed is None:
            return _malformed(asked.service)
        if allowed.options == READING and asked.service == STORAGE and asked.access is Access.READ:
            return None
        organization = await self._organization(asked.resource)
        return None if organization in allowed.resources else _violation(asked.service)

    async def _organization(self, resource: Resource) -> str:
        """Return the organization that a resource is in, empty where that is unknown."""
        name = await self._above(resource)
        chain = await ancestors(self._sealed, name) if name else []
        top = chain[-1] if chain else None
        return f"organizations/{top.id}" if isinstance(top, Organization) else ""

    async def _above(self, resource: Resource) -> str:
        if resource.project is not None:
            project = await find_project(self._sealed, resource.project)
            return project.parent if project else ""
        noun, _, number = resource.name.name.partition("/")
        if noun == "accessPolicies":
            found = await self._sealed.find(ACCESS_POLICIES, ACCESS_POLICIES.key(number))
            return found.value.parent if found else ""
        container = _CONTAINER.match(resource.name.name)
        return container[0] if container else ""


@lru_cache(maxsize=_HEADERS_KEPT_MAX)
def _read(header: str) -> Allowed | None:
    """Return what a header says, None where it says nothing that can be relied on."""
    if not 0 < len(header) <= HEADER_CHARS_MAX:
        return None
    text = header.rstrip("=").translate(_URL_SAFE)
    try:
        content = b64decode(text + "=" * (-len(text) % 4), validate=True)
        allowed = msgspec.json.decode(content, type=Allowed)
    except (Base64Error, ValueError):
        return None
    named = allowed.resources
    good = 0 < len(named) <= ORGANIZATIONS_MAX and all(map(_ORGANIZATION.fullmatch, named))
    return allowed if good else None


def _malformed(service: str) -> CloudError:
    problem = invalid(
        "Org Restriction Header is not valid. Please pass a valid Org Restriction Header.",
        reason="orgRestrictionHeaderInvalid",
    )
    problem.info = _info("ORG_RESTRICTION_HEADER_INVALID", service)
    return problem


def _violation(service: str) -> CloudError:
    return denied(
        "Access denied by organization restriction. Please contact your administrator for "
        "additional information.",
        reason="orgRestrictionViolation",
        info=_info("ORG_RESTRICTION_VIOLATION", service),
    )


def _info(reason: str, service: str) -> ErrorInfo:
    return ErrorInfo(reason, metadata=(("service", f"{service}.googleapis.com"),))
