"""Finds the issuer and key of a token; how long fetched keys are used says `core/key_set.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from rempart.core import jwks
from rempart.core.key_set import KeySet
from rempart.ekm.access.token import Caller, Rejected, Token, read, verify
from rempart.ekm.model.holdings import Issuer
from rempart.outbound import Unfetched, fetch

ALGORITHMS = ("RS256", "ES256", "EdDSA")


class Callers:
    """Turns an Authorization header into a caller."""

    def __init__(self, issuers: tuple[Issuer, ...], audiences: frozenset[str]) -> None:
        self._audiences = audiences
        self._issuers: dict[str, Issuer] = {}
        self._given: dict[str, Mapping[str, jwks.PublicKey]] = {}
        self._fetched: dict[str, KeySet] = {}
        self.trust(issuers)

    def trust(self, issuers: tuple[Issuer, ...]) -> None:
        """Trust these issuers from now on and no others."""
        self._given = {one.issuer: parse(one.keys) for one in issuers if one.keys}
        self._fetched = {one.issuer: KeySet(partial(_load, one)) for one in issuers if one.keys_url}
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
        try:
            return await self._fetched[issuer.issuer].current(key_id, now)
        except jwks.BadKeySet as problem:
            raise Rejected("the issuer's keys cannot be fetched") from problem


def parse(text: str) -> Mapping[str, jwks.PublicKey]:
    """Return the keys that callers' tokens may be signed with; raises `BadKeySet`."""
    return jwks.parse(text, ALGORITHMS)


async def _load(issuer: Issuer) -> Mapping[str, jwks.PublicKey]:
    asked = partial(fetch, issuer.keys_url, issuer.authority, bytes_max=jwks.SET_BYTES_MAX)
    try:
        return parse(await asyncio.to_thread(asked))
    except Unfetched as problem:
        raise jwks.BadKeySet(str(problem)) from problem
