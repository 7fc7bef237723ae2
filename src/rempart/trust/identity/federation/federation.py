"""From an outside credential to an identity of a pool: the one way in, for programs and people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from rempart.core.clock import World
from rempart.core.principal import Member
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.federation import certificate, id_token, members
from rempart.trust.identity.federation.aws import STSEndpoints
from rempart.trust.identity.federation.issuers import Issuers
from rempart.trust.identity.federation.mapping import Attributes, attributes
from rempart.trust.identity.federation.pools import (
    POOLS,
    PROVIDERS,
    Pool,
    Provider,
    default_audiences,
    owner_of,
    provider_name,
    split,
)
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.federation.saml.assertions import Assertions
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.workforce.standing import check_subject

_SECOND = 1_000_000
_OTHER_TYPE = "The provider takes no tokens of this type."


class Proof(Enum):
    """What a credential from outside is."""

    ID_TOKEN = "an ID token"  # noqa: S105 - it is what one is called
    ASSERTION = "a SAML assertion"
    CERTIFICATE = "a certificate"
    AWS_REQUEST = "a request signed for AWS"


@dataclass(frozen=True, slots=True)
class Shown:
    """A credential as it came; `certificate` (PEM) is the one of the TLS connection, or empty."""

    proof: Proof
    token: str = field(repr=False)
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An identity that a provider vouches for: what a token may be made of."""

    pool: Pool
    provider: str
    attributes: Attributes
    ends: int = 0
    """When the provider's own session ends, in microseconds; 0 for what it does not say."""

    def until(self, now: int) -> int:
        """Return when a session that begins now ends: by the pool's length, or the provider's."""
        ends = now + self.pool.session_seconds * _SECOND
        return min(ends, self.ends) if self.ends else ends

    @property
    def member(self) -> Member:
        """Return the identity as bindings name it."""
        return members.member(self.pool.name, self.attributes.subject)


class Federation:
    """Verifies credentials from outside."""

    def __init__(
        self, sealed: SealedEngine, issuers: Issuers, aws: STSEndpoints, world: World
    ) -> None:
        self._sealed = sealed
        self._issuers = issuers
        self._aws = aws
        self._world = world
        self._assertions = Assertions(sealed, world)

    async def provider(self, audience: str) -> tuple[Pool, Provider]:
        """Return the provider that an audience names, and its pool; `Refused` unless both stand.

        The answer for one that is not there is the one for one that is disabled.
        """
        name = provider_name(audience)
        if name is None:
            raise Refused('Invalid value for "audience".', error="invalid_request")
        pool = await self._sealed.find(POOLS, POOLS.key(split(name)[0]))
        found = await self._sealed.find(PROVIDERS, PROVIDERS.key(*split(name)))
        if pool is None or found is None or not (pool.value.stands and found.value.stands):
            raise Refused(
                'The target service indicated by the "audience" parameters is invalid. This might'
                " either be because the pool or provider is disabled or deleted or because it"
                " doesn't exist.",
                error="invalid_target",
            )
        return pool.value, found.value

    async def admit_shown(self, audience: str, shown: Shown) -> Admitted:
        """Return the identity that a credential proves to the provider of an audience."""
        pool, provider = await self.provider(audience)
        return self.admit(pool, provider, await self._proven(provider, audience, shown))

    async def _proven(
        self, provider: Provider, audience: str, shown: Shown
    ) -> Mapping[str, object]:
        now = self._world.clock() // _SECOND
        match shown.proof:
            case Proof.ID_TOKEN:
                return await self.claims(provider, shown.token)
            case Proof.CERTIFICATE if provider.x509 is not None:
                moment = dt.datetime.fromtimestamp(now, dt.UTC)
                return certificate.claims(provider.x509, shown.certificate, shown.token, moment)
            case Proof.AWS_REQUEST if provider.aws:
                return await self._aws.claims(provider, audience, shown.token, now)
            case _:
                raise Refused(_OTHER_TYPE, error="invalid_request")

    async def admit_assertion(
        self, audience: str, text: str, recipients: frozenset[str], request: str | None = None
    ) -> Admitted:
        """Return the identity that a SAML response or assertion proves to an audience's provider.

        `recipients` and `request` are as in `Assertions.proven`.
        """
        pool, provider = await self.provider(audience)
        proven = await self._assertions.proven(provider, text, recipients, request)
        admitted = self.admit(pool, provider, proven.claims)
        return replace(admitted, ends=proven.session * _SECOND)

    async def check_program(self, admitted: Admitted) -> None:
        """Refuse a person whose pool admits no programs, or who is deleted."""
        restrictions = admitted.pool.restrictions
        if restrictions is not None and restrictions.no_programs:
            raise Refused("Programs may not sign in to this pool.", error="unauthorized_client")
        try:
            subject, now = admitted.attributes.subject, self._world.clock()
            await check_subject(self._sealed, admitted.pool.name, subject, now)
        except Rejected as problem:
            raise Refused("The identity is deleted.", error="unauthorized_client") from problem

    async def claims(self, provider: Provider, token: str) -> Mapping[str, object]:
        """Return the claims of an ID token that a provider's issuer signed; else `Refused`."""
        oidc = provider.oidc
        if oidc is None:
            raise Refused(_OTHER_TYPE, error="invalid_request")
        read = id_token.read(token)
        id_token.check_issuer(read, oidc.issuer)
        keys = await self._issuers.keys(owner_of(provider.name), oidc, read.key_id)
        own = frozenset((oidc.client_id,)) if oidc.client_id else default_audiences(provider.name)
        audiences = frozenset(oidc.audiences) or own
        return id_token.verify(read, keys, audiences, self._world.clock() // _SECOND)

    def admit(self, pool: Pool, provider: Provider, claims: Mapping[str, object]) -> Admitted:
        """Return the identity that proven claims make under a provider's mapping and condition."""
        made = attributes(claims, provider.mapping, provider.condition)
        return Admitted(pool, provider.name, made)
