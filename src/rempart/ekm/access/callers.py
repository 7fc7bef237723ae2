"""Finds the issuer and key of a token, and remembers fetched key sets.

A fetched set is used for KEEP_SECONDS, then fetched again; while that fails the old one serves
until STALE_SECONDS_MAX. A key id that a set lacks fetches it again at once, but not more often
than every RETRY_SECONDS: strangers choose key ids. Who brings a key id that is known does not wait
for a fetch that somebody else began; who brings another one does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from rempart.ekm.access import fetch, jwks
from rempart.ekm.access.token import Caller, Rejected, Token, read, verify
from rempart.ekm.model.holdings import Issuer

KEEP_SECONDS = 600
STALE_SECONDS_MAX = 86_400
RETRY_SECONDS = 30
_NEVER = -(1 << 60)


@dataclass(slots=True)
class _Fetched:
    """An issuer's keys as they were last fetched."""

    keys: Mapping[str, jwks.PublicKey] = field(default_factory=dict)
    fetched: int = _NEVER
    tried: int = _NEVER
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Callers:
    """Turns an Authorization header into a caller."""

    def __init__(self, issuers: tuple[Issuer, ...], audiences: frozenset[str]) -> None:
        self._audiences = audiences
        self._issuers: dict[str, Issuer] = {}
        self._given: dict[str, Mapping[str, jwks.PublicKey]] = {}
        self._fetched: dict[str, _Fetched] = {}
        self.trust(issuers)

    def trust(self, issuers: tuple[Issuer, ...]) -> None:
        """Trust these issuers from now on and no others."""
        self._given = {issuer.issuer: jwks.parse(issuer.keys) for issuer in issuers if issuer.keys}
        self._fetched = {issuer.issuer: _Fetched() for issuer in issuers if issuer.keys_url}
        self._issuers = {issuer.issuer: issuer for issuer in issuers}

    def address(self, audiences: frozenset[str]) -> None:
        """Take these audiences as this manager's own from now on."""
        self._audiences = audiences

    async def identify(self, authorization: list[str], now: int) -> Caller:
        """Return the caller that the header fields prove; raises `Rejected`."""
        if len(authorization) != 1:
            raise Rejected("there is not exactly one Authorization header")
        scheme, _, raw = authorization[0].partition(" ")
        if scheme.lower() != "bearer":
            raise Rejected("the credential is not a bearer token")
        token = read(raw.strip(" "))
        issuer = self._issuers.get(token.issuer)
        if issuer is None:
            raise Rejected("the token's issuer is not trusted")
        key = await self._key(issuer, token, now)
        return verify(token, issuer, key, self._audiences, now)

    async def _key(self, issuer: Issuer, token: Token, now: int) -> jwks.PublicKey:
        keys = self._given.get(issuer.issuer)
        if keys is None:
            keys = await self._current(issuer, token.key_id, now)
        key = keys.get(token.key_id)
        if key is None:
            raise Rejected("the issuer has no such key")
        return key

    async def _current(self, issuer: Issuer, key_id: str, now: int) -> Mapping[str, jwks.PublicKey]:
        kept = self._fetched[issuer.issuer]
        if _due(kept, key_id, now) or (kept.lock.locked() and key_id not in kept.keys):
            async with kept.lock:
                if _due(kept, key_id, now):
                    kept.tried = now
                    await _refresh(kept, issuer, now)
        if now - kept.fetched > STALE_SECONDS_MAX:
            raise Rejected("the issuer's keys cannot be fetched")
        return kept.keys


def _due(kept: _Fetched, key_id: str, now: int) -> bool:
    if now - kept.tried < RETRY_SECONDS:
        return False
    return key_id not in kept.keys or now - kept.fetched > KEEP_SECONDS


async def _refresh(kept: _Fetched, issuer: Issuer, now: int) -> None:
    try:
        text = await asyncio.to_thread(fetch.fetch, issuer.keys_url, issuer.authority)
        kept.keys = jwks.parse(text)
    except jwks.BadKeySet:
        return
    kept.fetched = now
