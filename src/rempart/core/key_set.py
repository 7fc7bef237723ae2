"""An issuer's keys as they were last fetched, and when to fetch them again.

A fetched set is used for KEEP_SECONDS, then fetched again; while that fails the old one serves
until STALE_SECONDS_MAX. A key id that a set lacks fetches it again at once, but not more often
than every RETRY_SECONDS: strangers choose key ids. Who brings a key id that is known does not wait
for a fetch that somebody else began; who brings another one does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from rempart.core.jwks import BadKeySet, PublicKey

KEEP_SECONDS = 600
STALE_SECONDS_MAX = 86_400
RETRY_SECONDS = 30
_NEVER = -(1 << 60)


class KeySet:
    """The keys that `load` brings from an issuer, remembered; `load` raises `BadKeySet`."""

    __slots__ = ("_fetched", "_keys", "_load", "_lock", "_tried")

    def __init__(self, load: Callable[[], Awaitable[Mapping[str, PublicKey]]]) -> None:
        self._load = load
        self._keys: Mapping[str, PublicKey] = {}
        self._fetched = self._tried = _NEVER
        self._lock = asyncio.Lock()

    async def current(self, key_id: str, now: int) -> Mapping[str, PublicKey]:
        """Return the keys by id, at `now` in seconds; raises `BadKeySet` where there are none."""
        if self._due(key_id, now) or (self._lock.locked() and key_id not in self._keys):
            async with self._lock:
                if self._due(key_id, now):
                    self._tried = now
                    await self._refresh(now)
        if now - self._fetched > STALE_SECONDS_MAX:
            raise BadKeySet("the issuer's keys cannot be fetched")
        return self._keys

    def _due(self, key_id: str, now: int) -> bool:
        if now - self._tried < RETRY_SECONDS:
            return False
        return key_id not in self._keys or now - self._fetched > KEEP_SECONDS

    async def _refresh(self, now: int) -> None:
        try:
            self._keys = await self._load()
        except BadKeySet:
            return
        self._fetched = now
