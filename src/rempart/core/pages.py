"""Pages of a listing: how many, and after which document.

Source: AIP-158. A token is the key of the last document that a page has seen.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from rempart.core.document import integer
from rempart.core.errors import invalid

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1000


def page_size(asked: Mapping[str, object], *, most: int = PAGE_SIZE_MAX) -> int:
    """Return how many resources a request wants at most."""
    size = integer(asked, "pageSize") or min(PAGE_SIZE_DEFAULT, most)
    if size < 0:
        raise invalid("pageSize must not be negative.", field="pageSize")
    return min(size, most)


def token(last_key: bytes) -> str:
    """Return the token of the page after the one that ended at a key."""
    return base64.urlsafe_b64encode(last_key).decode().rstrip("=")


def after(text: str) -> bytes:
    """Return the key after which a page begins, empty for the first."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise invalid("Invalid value for 'pageToken'.", field="pageToken") from problem
