"""From a request's credential to a Principal, by one function for all methods.

No credential at all is the anonymous caller; a credential that is not acceptable in every respect
is a 401 with one text. A verified token is remembered by its SHA-256 until it expires, but its
key and account are read at every use, so that disabling either takes effect at once.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from rempart.core.call import Call
from rempart.core.clock import Micros, World
from rempart.core.principal import ANONYMOUS, Principal
from rempart.engine.seam import Key
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.accounts import ACCOUNTS, KEYS, ServiceAccount
from rempart.trust.identity.jwt import verify
from rempart.trust.identity.refusal import Rejected, invalid_credentials
from rempart.trust.identity.scopes import admit, check_purpose
from rempart.trust.identity.tokens import (
    PREFIX,
    AccessToken,
    AccessTokens,
    Revocations,
    digest_of,
)

KNOWN_TOKENS_MAX = 4096
_SCHEME = "bearer "
_SCHEME_CHARS = len(_SCHEME)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class _Known:
    """A verified token: whom it speaks for, and where to look whether that still stands."""

    principal: Principal
    expires: Micros
    key: Key
    account: Key
    opaque: bool


class Identity:
    """Answers WHO is calling. `domain` is the universe's API domain."""

    def __init__(
        self, sealed: SealedEngine, *, domain: str, token_key: bytes, world: World
    ) -> None:
        self.sealed = sealed
        self.domain = domain
        self.world = world
        self.tokens = AccessTokens(token_key, world)
        self.revocations = Revocations(sealed, world)
        self._known: OrderedDict[tuple[bytes, str], _Known] = OrderedDict()

    async def identify(self, call: Call, service: str) -> Principal:
        """Return who calls a service (`storage`, `cloudkms`); raises 401 for a bad credential.

        The credential is `Authorization: Bearer`. The `access_token` query parameter is taken for
        media downloads alone, where a browser cannot send a header; elsewhere it is refused,
        because a URL ends up in logs.
        """
        try:
            token = _credential(call)
            if token is None:
                return ANONYMOUS
            digest = digest_of(token)
            known = self._known.get((digest, service))
            if known is None:
                known = await self._verify(token, service)
                self._remember((digest, service), known)
            await self._check_standing(known, digest)
        except Rejected as problem:
            raise invalid_credentials() from problem
        return known.principal

    async def open_access_token(self, token: str) -> AccessToken:
        """Return what a live opaque token states; raises Rejected."""
        statement = self.tokens.open(token)
        known = await self._opaque(statement)
        await self._check_standing(known, digest_of(token))
        return statement

    async def _verify(self, token: str, service: str) -> _Known:
        if not _TOKEN.fullmatch(token):
            raise Rejected("not one bearer token")
        if token.startswith(PREFIX):
            statement = self.tokens.open(token)
            if not admit(frozenset(statement.scopes), service):
                raise Rejected("no scope for this service")
            return await self._opaque(statement)
        signed = await verify(self.sealed, token, now=self.world.clock())
        return _Known(
            _principal(signed.account, check_purpose(signed.claims, service, self.domain)),
            Micros(signed.claims.expires * _SECOND),
            KEYS.key(signed.key.id),
            ACCOUNTS.key(signed.account.email),
            opaque=False,
        )

    async def _opaque(self, statement: AccessToken) -> _Known:
        account = await self.sealed.find(ACCOUNTS, ACCOUNTS.key(statement.email))
        if account is None or account.value.unique_id != statement.unique_id:
            raise Rejected("the account is gone")
        return _Known(
            _principal(account.value, frozenset(statement.scopes)),
            statement.expires,
            KEYS.key(statement.key_id),
            ACCOUNTS.key(statement.email),
            opaque=True,
        )

    async def _check_standing(self, known: _Known, digest: bytes) -> None:
        """Raise Rejected unless a verified token, its key and its account stand at this moment."""
        now = self.world.clock()
        if known.expires <= now:
            raise Rejected("expired")
        key = await self.sealed.find(KEYS, known.key)
        if key is None or not key.value.usable(now):
            raise Rejected("the key is gone, disabled or expired")
        found = await self.sealed.find(ACCOUNTS, known.account)
        if found is None or found.value.disabled:
            raise Rejected("the account is gone or disabled")
        unique_id = known.principal.unique_id
        if not found.value.unique_id == key.value.unique_id == unique_id:
            raise Rejected("the account is another one of the same name")
        if known.opaque and await self.revocations.revoked(digest):
            raise Rejected("revoked")

    def _remember(self, name: tuple[bytes, str], known: _Known) -> None:
        self._known[name] = known
        while len(self._known) > KNOWN_TOKENS_MAX:
            self._known.popitem(last=False)


def _credential(call: Call) -> str | None:
    """Return what follows `Bearer`, unchecked; None without any credential."""
    header = call.headers.get("authorization")
    parameter = call.query.get("access_token")
    if parameter is not None:
        if header is not None or call.kind != "media_download":
            raise Rejected("a token in the query")
        return parameter
    if header is None:
        return None
    if header[:_SCHEME_CHARS].lower() != _SCHEME:
        raise Rejected("another scheme than Bearer")
    return header[_SCHEME_CHARS:]


def _principal(account: ServiceAccount, scopes: frozenset[str] | None) -> Principal:
    return Principal(account.member, account.email, account.unique_id, account.project, scopes)
