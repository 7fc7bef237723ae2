"""What a verified token rests on, asked again at each use: it may have gone a moment ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rempart.core.clock import Micros
from rempart.core.errors import invariant
from rempart.engine.seam import Key
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.accounts import ACCOUNTS, KEYS
from rempart.trust.identity.federation.pools import POOLS, PROVIDERS
from rempart.trust.identity.refusal import Rejected


class Standing(Protocol):
    """Something that a token rests on."""

    async def check(self, sealed: SealedEngine, now: Micros) -> None:
        """Raise Rejected unless it stands at this moment."""


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """An account, by the key of its document and its unique id."""

    account: Key
    unique_id: str

    async def check(self, sealed: SealedEngine, now: Micros) -> None:
        """Raise Rejected unless the account is the same one, and enabled."""
        invariant(now, "the time is known")
        found = await sealed.find(ACCOUNTS, self.account)
        if found is None or found.value.disabled:
            raise Rejected("the account is gone or disabled")
        if found.value.unique_id != self.unique_id:
            raise Rejected("the account is another one of the same name")


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """A key and the account that it belongs to."""

    key: Key
    owner: AccountStanding

    async def check(self, sealed: SealedEngine, now: Micros) -> None:
        """Raise Rejected unless the key is usable and its account stands."""
        key = await sealed.find(KEYS, self.key)
        if key is None or not key.value.usable(now):
            raise Rejected("the key is gone, disabled or expired")
        if key.value.unique_id != self.owner.unique_id:
            raise Rejected("the key is another account's")
        await self.owner.check(sealed, now)


@dataclass(frozen=True, slots=True)
class PoolStanding:
    """A pool, by its document and its uid, and the provider that vouched."""

    pool: Key
    uid: str
    provider: Key

    async def check(self, sealed: SealedEngine, now: Micros) -> None:
        """Raise Rejected unless the pool is the same one, and both are enabled."""
        invariant(now, "the time is known")
        pool = await sealed.find(POOLS, self.pool)
        if pool is None or not pool.value.stands or pool.value.uid != self.uid:
            raise Rejected("the pool is gone, disabled or another one")
        provider = await sealed.find(PROVIDERS, self.provider)
        if provider is None or not provider.value.stands:
            raise Rejected("the provider is gone or disabled")


@dataclass(frozen=True, slots=True)
class Both:
    """Two things that a token rests on."""

    first: Standing
    second: Standing

    async def check(self, sealed: SealedEngine, now: Micros) -> None:
        """Raise Rejected unless both stand."""
        await self.first.check(sealed, now)
        await self.second.check(sealed, now)
