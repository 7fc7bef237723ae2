"""Pools and providers, as sealed documents: whom a project or an organization believes.

One form for workloads and for people; what only one of them has is empty for the other. Whether a
pool and a provider still stand is asked at each use of a token, so disabling or deleting either
takes effect at once. A name that is deleted stays taken until it is purged; `uid` tells a pool
from a later one of the same name.
"""

from __future__ import annotations

import re

import msgspec
from typing_extensions import override

from rempart.core.clock import Micros
from rempart.core.policy import Policy
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine

HOST = "iam.googleapis.com"
"""In audiences and members it stays Google's in every universe: clients and policies expect it."""

UNDELETE_SECONDS = 30 * 24 * 3600

_WORKLOAD = r"projects/[1-9][0-9]{0,18}/locations/global/workloadIdentityPools/[a-z0-9-]{4,32}"
_WORKFORCE = r"locations/global/workforcePools/[a-z0-9-]{6,63}"
_PROVIDER = re.compile(rf"((?:{_WORKLOAD})|(?:{_WORKFORCE}))/providers/[a-z0-9-]{{4,32}}")


class OIDC(msgspec.Struct, frozen=True):
    """An OpenID Connect issuer; `jwks` is a JWK set given by hand, or empty to fetch it.

    `audiences` empty means the provider's own name; a workforce provider's is its `client_id`.
    `scopes` are asked for in a browser's sign-in besides the usual ones; `userinfo` says that what
    the issuer tells of a person at its userinfo endpoint goes over the claims of the ID token.
    """

    issuer: str
    audiences: tuple[str, ...] = ()
    jwks: str = ""
    client_id: str = ""
    client_secret: str = ""
    scopes: tuple[str, ...] = ()
    userinfo: bool = False

    @override
    def __repr__(self) -> str:
        """Return it without the secret."""
        return f"OIDC(issuer={self.issuer!r})"


class TrustStore(msgspec.Struct, frozen=True):
    """Authorities that vouch for certificates: anchors, and others on the way to them (PEM)."""

    anchors: tuple[str, ...]
    intermediates: tuple[str, ...] = ()


class SAML(msgspec.Struct, frozen=True):
    """A SAML identity provider: its metadata as they were given, and what was read of them.

    `sign_in` is where browsers go, by redirect; empty where programs alone bring assertions.
    `certificates` are in DER; whether one has expired is asked at each use.
    """

    metadata: str
    issuer: str
    sign_in: str
    certificates: tuple[bytes, ...]


class Restrictions(msgspec.Struct, frozen=True):
    """How the people of a pool may sign in: on which web sites, and whether by programs."""

    services: tuple[str, ...] = ()
    no_programs: bool = False


class Pool(msgspec.Struct, frozen=True):
    """A pool; `parent` is `projects/ID` or `organizations/N`. `deleted` is a time, or 0."""

    name: str
    parent: str
    uid: str
    created: Micros
    display_name: str = ""
    description: str = ""
    disabled: bool = False
    deleted: Micros = Micros(0)
    session_seconds: int = 3600
    restrictions: Restrictions | None = None
    policy: Policy = msgspec.field(default_factory=Policy)

    @property
    def stands(self) -> bool:
        """Tell whether its identities may use what they are granted."""
        return not self.disabled and not self.deleted


class Provider(msgspec.Struct, frozen=True):
    """A provider of a pool, of one kind; of none it is this universe's own, of one-time tokens.

    `aws` is the number of an account of Amazon's.
    """

    name: str
    created: Micros
    mapping: dict[str, str] = {}
    condition: str = ""
    display_name: str = ""
    description: str = ""
    disabled: bool = False
    deleted: Micros = Micros(0)
    oidc: OIDC | None = None
    detailed_log: bool = False
    saml: SAML | None = None
    x509: TrustStore | None = None
    aws: str = ""

    @property
    def stands(self) -> bool:
        """Tell whether it vouches for anybody."""
        return not self.disabled and not self.deleted


POOLS: Kind[Pool] = Kind(b"S", Pool, hot=1024)
"""By full name: `projects/N/…/workloadIdentityPools/P`, `locations/global/workforcePools/P`."""

PROVIDERS: Kind[Provider] = Kind(b"U", Provider, hot=1024)
"""By the pool's full name, then the provider's id."""


def provider_name(audience: str) -> str | None:
    """Return the provider that an exchange's audience names: `//iam.googleapis.com/…`."""
    start, _, name = audience.partition(f"//{HOST}/")
    return name if start in ("", "https:") and _PROVIDER.fullmatch(name) else None


def split(provider: str) -> tuple[str, str]:
    """Return the pool's full name and the id of a provider."""
    pool, _, id_ = provider.rpartition("/providers/")
    return pool, id_


def owner_of(provider: str) -> str:
    """Return who brought a provider in: its project, or its pool of an organization's people."""
    pool, _ = split(provider)
    return "/".join(pool.split("/")[:2]) if pool.startswith("projects/") else pool


def default_audiences(provider: str) -> frozenset[str]:
    """Return what a token may be made for where the provider says nothing."""
    return frozenset((f"//{HOST}/{provider}", f"https://{HOST}/{provider}"))


async def organization_of(sealed: SealedEngine, pool: str) -> str:
    """Return the organization of a workforce pool by its full name, empty for none."""
    found = await sealed.find(POOLS, POOLS.key(pool))
    parent = found.value.parent if found else ""
    return parent if parent.startswith("organizations/") else ""
