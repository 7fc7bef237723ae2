"""Pages of a listing: how many, and after what. Source: AIP-158."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from rempart.core.document import integer
from rempart.core.errors import invalid


@dataclass(frozen=True, slots=True)
class Page:
    """How many, and after which key."""

    size: int
    after: bytes


def page(asked: Mapping[str, object], *, default: int, most: int) -> Page:
    """Return the page that a query or body asks for; more than `most` is `most`."""
    size = integer(asked, "pageSize") or default
    if size < 0:
        raise invalid("pageSize must not be negative.", field="pageSize")
    after = asked.get("pageToken") or ""
    return Page(min(size, most), _after(after if isinstance(after, str) else "?"))


def token(last: bytes) -> str:
    """Return the token of the page after the one that ended at a key."""
    return base64.urlsafe_b64encode(last).decode().rstrip("=")


def _after(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise invalid("Invalid value for 'pageToken'.", field="pageToken") from problem
