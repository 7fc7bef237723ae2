"""Who must be refused, whatever the method."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from support.universe import Universe

REFUSED = {
    "anonymous": 401,
    "stranger": 403,
    "expired": 401,
    "wrong audience": 401,
    "other project": 403,
}
"""Everybody who must be refused, and with which status."""


@contextmanager
def wrong_callers(universe: Universe, other_api: str) -> Iterator[dict[str, httpx.Client]]:
    """Return a client for each of them; `other_api` is whom the wrong audience is meant for."""
    now = int(time.time())
    elsewhere = f"https://{other_api}.{universe.domain}/"
    tokens = {
        "anonymous": None,
        "stranger": universe.token(universe.keys["stranger"]),
        "expired": universe.token(iat=now - 7200, exp=now - 3600),
        "wrong audience": universe.token(aud=elsewhere, scope=None),
        "other project": universe.token(universe.keys["neighbour"]),
    }
    made = {name: universe.caller(token) for name, token in tokens.items()}
    yield made
    for caller in made.values():
        caller.close()
