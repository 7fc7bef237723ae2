"""From a request's credential to a Principal, by one function for all methods.

No credential at all is the anonymous caller; a credential that is not acceptable in every respect
is a 401 with one text. A verified token is remembered by its SHA-256 until it expires, but what it
rests on (its key and account, its pool and provider) is read at every use, so that disabling any of
them takes effect at once.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from rempart.core.call import Call
from rempart.core.clock import Micros, World
from rempart.core.names import ProjectId
from rempart.core.principal import ANONYMOUS, Principal
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.accounts import ACCOUNTS, KEYS, ServiceAccount
from rempart.trust.identity.federation import members
from rempart.trust.identity.federation.mapping import Attributes
from rempart.trust.identity.federation.pools import POOLS, PROVIDERS, split
from rempart.trust.identity.jwt import verify
from rempart.trust.identity.refusal import Rejected, invalid_credentials
from rempart.trust.identity.revocations import Revocations
from rempart.trust.identity.scopes import admit, check_purpose
from rempart.trust.identity.standing import (
    AccountStanding,
    Both,
    KeyStanding,
    PoolStanding,
    Standing,
)
from rempart.trust.identity.tokens import (
    PREFIX,
    AccessToken,
    AccessTokens,
    Federated,
    Statement,
    digest_of,
)
from rempart.trust.identity.workforce.standing import PersonStanding

KNOWN_TOKENS_MAX = 4096
_SCHEME = "bearer "
_SCHEME_CHARS = len(_SCHEME)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class _Known:
    """A verified token: whom it speaks for, and what has to stand for that."""

    principal: Principal
    expires: Micros
    standing: Standing
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
        self.revocations = Revocations(sealed)
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

    async def open_access_token(self, token: str) -> tuple[Statement, Principal]:
        """Return what a live opaque token states, and of whom; raises Rejected."""
        statement = self.tokens.open(token)
        known = await self._opaque(statement)
        await self._check_standing(known, digest_of(token))
        return statement, known.principal

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
            _key_standing(signed.key.id, signed.account.email, signed.account.unique_id),
            opaque=False,
        )

    async def _opaque(self, statement: Statement) -> _Known:
        if isinstance(statement, Federated):
            principal, standing = await self._federated(statement)
            return _Known(principal, statement.expires, standing, opaque=True)
        email, unique_id = statement.email, statement.unique_id
        account = await self.sealed.find(ACCOUNTS, ACCOUNTS.key(email))
        if account is None or account.value.unique_id != unique_id:
            raise Rejected("the account is gone")
        return _Known(
            _principal(account.value, frozenset(statement.scopes)),
            statement.expires,
            _key_standing(statement.key_id, email, unique_id)
            if isinstance(statement, AccessToken)
            else _account_standing(email, unique_id),
            opaque=True,
        )

    async def _federated(self, statement: Federated) -> tuple[Principal, Standing]:
        pool = await self.sealed.find(POOLS, POOLS.key(statement.pool))
        if pool is None:
            raise Rejected("the pool is gone")
        attributes = Attributes(statement.subject, statement.groups, statement.custom)
        member = members.member(statement.pool, statement.subject)
        parent = pool.value.parent
        project = parent.removeprefix("projects/")
        principal = Principal(
            member,
            member,
            statement.subject,
            None if project == parent else ProjectId(project),
            frozenset(statement.scopes),
            members.sets(statement.pool, attributes),
            parent if project == parent else "",
        )
        provider = PROVIDERS.key(*split(statement.provider))
        standing = PoolStanding(pool.key, statement.uid, provider)
        if project != parent:
            return principal, standing
        started = statement.started or statement.issued
        person = PersonStanding(statement.pool, statement.subject, started, statement.session)
        return principal, Both(standing, person)

    async def _check_standing(self, known: _Known, digest: bytes) -> None:
        """Raise Rejected unless a verified token and all that it rests on stand at this moment."""
        now = self.world.clock()
        if known.expires <= now:
            raise Rejected("expired")
        await known.standing.check(self.sealed, now)
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


def _account_standing(email: str, unique_id: str) -> AccountStanding:
    return AccountStanding(ACCOUNTS.key(email), unique_id)


def _key_standing(key_id: str, email: str, unique_id: str) -> KeyStanding:
    return KeyStanding(KEYS.key(key_id), _account_standing(email, unique_id))


def _principal(account: ServiceAccount, scopes: frozenset[str] | None) -> Principal:
    return Principal(account.member, account.email, account.unique_id, account.project, scopes)
