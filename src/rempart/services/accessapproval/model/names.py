"""Names of requests and settings. Source: the resource patterns of accessapproval.v1."""

from __future__ import annotations

import re

from rempart.core.errors import invalid

_CONTAINER = re.compile(r"((?:projects|folders|organizations)/[^/\x00]+)(?:/.*)?")
_REQUEST = re.compile(
    r"((?:projects|folders|organizations)/[^/\x00]+)/approvalRequests/([a-z0-9]{1,64})"
)
_ID_MILLIS = 1 << 52
_LETTERS = {"projects": "p", "folders": "f", "organizations": "o"}


def container(text: str) -> str:
    """Return the project, folder or organization that a name is or begins with."""
    found = _CONTAINER.fullmatch(text)
    if found is None:
        raise invalid(f"The name {text[:300]!r} begins with no container.", field="name")
    return found[1]


def request(text: str) -> tuple[str, str]:
    """Return the container and the id of a request."""
    found = _REQUEST.fullmatch(text)
    if found is None:
        raise invalid(f"The name {text[:300]!r} is not that of an approval request.", field="name")
    return found[1], found[2]


def new_id(now: int, salt: bytes) -> str:
    """Return the id of a request that is made now: of two, the later one sorts first."""
    return f"{_ID_MILLIS - now // 1000:013x}{salt.hex()}"


def agent(noun: str, number: str, system_domain: str) -> str:
    """Return the address of the service account that signs approvals for a container."""
    return f"service-{_LETTERS[noun]}{number}@gcp-sa-accessapproval.{system_domain}"
