"""Pages of a listing: how many, and after which resource.

Source: AIP-158. A token is the key, or the name, of the last resource that a page has seen.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rempart.core.document import integer
from rempart.core.errors import CloudError, invalid

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1000
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Page:
    """How many, and after what; empty bytes for the first page."""

    size: int
    after: bytes

    @property
    def after_name(self) -> str:
        """Return after which name, where tokens are names; raises `invalid`."""
        try:
            return self.after.decode()
        except UnicodeDecodeError as problem:
            raise _bad_token() from problem


def page(
    asked: Mapping[str, object], *, default: int = PAGE_SIZE_DEFAULT, most: int = PAGE_SIZE_MAX
) -> Page:
    """Return the page that a query or body asks for; more than `most` is `most`."""
    size = integer(asked, "pageSize") or default
    if size < 0:
        raise invalid("pageSize must not be negative.", field="pageSize")
    token_ = asked.get("pageToken") or ""
    return Page(min(size, most), _after(token_ if isinstance(token_, str) else "?"))


def token(last: bytes | str) -> str:
    """Return the token of the page after the one that ended at a key or name."""
    raw = last.encode() if isinstance(last, str) else last
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def paged(noun: str, shown: Sequence[object], following: str = "") -> Json:
    """Return a page of a listing; `following` is the next one's token, empty on the last."""
    document: Json = {noun: list(shown)} if shown else {}
    return document | ({"nextPageToken": following} if following else {})


def page_of(noun: str, every: Iterable[tuple[str, object]], asked: Page) -> Json:
    """Return a page of a list that is made anew for each call, in the order of the names."""
    after = asked.after_name
    left = sorted((one for one in every if one[0] > after), key=lambda one: one[0])
    shown = left[: asked.size]
    following = token(shown[-1][0]) if len(left) > len(shown) > 0 else ""
    return paged(noun, [one for _, one in shown], following)


def _after(text: str) -> bytes:
    try:
        padded = text.rstrip("=")
        padded += "=" * (-len(padded) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise _bad_token() from problem


def _bad_token() -> CloudError:
    return invalid("Invalid value for 'pageToken'.", field="pageToken")
