"""Ids of orders: they begin with the time, so that the newest list first."""

from __future__ import annotations

import re

from rempart.core.errors import invalid

SALT_BYTES = 4
_ID = re.compile(r"[0-9a-f]{21}")
_MILLIS = 1 << 52


def new_id(now: int, salt: bytes) -> str:
    """Return the id of an order that is entered now."""
    return f"{_MILLIS - now // 1000:013x}{salt.hex()}"


def parsed(text: str) -> str:
    """Return an id, or raise `invalid`."""
    if not _ID.fullmatch(text):
        raise invalid(f"{text[:80]!r} is no order's id.", field="id")
    return text
