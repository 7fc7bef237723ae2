"""Workforce identity's verbs on the sealed engine. Every verb that touches data takes a Grant."""

from __future__ import annotations

import hmac

import msgspec

from rempart.core.errors import CloudError, Code, already_exists, not_found
from rempart.core.grant import Grant
from rempart.core.names import ResourceName
from rempart.core.policy import Policy, Resource
from rempart.services.iam.store import IamStore, container_resource
from rempart.services.iam.workforce.model.pool import POOLS_PER_ORGANIZATION_MAX
from rempart.services.iam.workforce.model.provider import PROVIDERS_PER_POOL_MAX
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import scanned
from rempart.trust.identity.federation.pools import POOLS, PROVIDERS, Pool, Provider
from rempart.trust.identity.workforce.documents import (
    SUBJECTS,
    Subject,
    gone,
)
from rempart.trust.identity.workforce.names import POOLS_STEM, PoolName, ProviderName, SubjectName

_UID_BYTES = 16
_THUMBPRINT_BYTES = 16
_SERVICE = "iam.googleapis.com"
ALL_POOLS = POOLS.under(prefix=f"{POOLS_STEM}/")


class WorkforceStore(IamStore):
    """The documents of workforce identity as one session sees them."""

    __slots__ = ()

    def new_policy(self) -> Policy:
        """Return an empty policy with a fresh etag."""
        return Policy(etag=self.etag())

    def thumbprint(self, secret: str) -> str:
        """Return what tells two secrets apart and helps nobody to guess them."""
        found = hmac.digest(self.setup.key, secret.encode("utf-8", "surrogatepass"), "sha256")
        return found[:_THUMBPRINT_BYTES].hex()

    def new_uid(self) -> str:
        """Return what tells a pool from a later one of the same name."""
        return self.setup.world.random(_UID_BYTES).hex()

    # What policy is asked about, before there is a grant.

    async def pool_resource(self, name: PoolName) -> Resource:
        """Return a pool as policy sees it: its own policy, then its organization's.

        One that is not there has neither, so that absent and forbidden have one answer.
        """
        found = await self.tx.get(POOLS, *name.parts)
        if found is None or gone(found.deleted, self.now):
            return Resource(ResourceName(_SERVICE, f"{_SERVICE}/WorkforcePool", str(name)), None)
        return msgspec.structs.replace(container_resource(found.parent), policies=(found.policy,))

    # Pools.

    async def pool(self, grant: Grant, name: PoolName) -> Pool:
        """Return a pool, also one that can be undeleted; raises `not_found`."""
        found = await self.tx.get(POOLS, *name.parts)
        if found is None or gone(found.deleted, self.now):
            raise not_found(f"WorkforcePool {name} not found.")
        return found

    async def found_pool(self, name: PoolName) -> Pool | None:
        """Return a pool, None where there is none."""
        return await self.tx.get(POOLS, *name.parts)

    async def create_pool(self, grant: Grant, name: PoolName, pool: Pool) -> None:
        """Store a new pool; raises `already_exists`, also for another organization's name.

        That stays taken for ever: what names its people in policies must not come to mean others.
        """
        old = await self.tx.get(POOLS, *name.parts)
        if old is not None and (old.parent != pool.parent or not gone(old.deleted, self.now)):
            raise already_exists(f"WorkforcePool {name} already exists.")
        for found in await self._providers(name):
            self.tx.delete(PROVIDERS, *name.parts, found.id)
        inside = [
            one
            for one in await self._pools()
            if one.value.parent == pool.parent and not gone(one.value.deleted, self.now)
        ]
        if len(inside) >= POOLS_PER_ORGANIZATION_MAX:
            raise _full(f"{pool.parent} has {POOLS_PER_ORGANIZATION_MAX} workforce pools.")
        self.put_pool(grant, name, pool)

    def put_pool(self, grant: Grant, name: PoolName, pool: Pool) -> None:
        """Store a pool."""
        self.tx.put(POOLS, *name.parts, value=pool)

    # Providers.

    async def provider(self, grant: Grant, name: ProviderName) -> Provider:
        """Return a provider of a pool, also one that can be undeleted; raises `not_found`."""
        await self.pool(grant, name.pool)
        found = await self.tx.get(PROVIDERS, *name.parts)
        if found is None or gone(found.deleted, self.now):
            raise not_found(f"WorkforcePoolProvider {name} not found.")
        return found

    async def found_provider(self, name: ProviderName) -> Provider | None:
        """Return a provider, None where there is none."""
        return await self.tx.get(PROVIDERS, *name.parts)

    async def create_provider(self, grant: Grant, name: ProviderName, provider: Provider) -> None:
        """Store a new provider; raises `already_exists`."""
        old = await self.tx.get(PROVIDERS, *name.parts)
        if old is not None and not gone(old.deleted, self.now):
            raise already_exists(f"WorkforcePoolProvider {name} already exists.")
        inside = await self._providers(name.pool)
        if len(inside) >= PROVIDERS_PER_POOL_MAX:
            raise _full(f"{name.pool} has {PROVIDERS_PER_POOL_MAX} providers.")
        self.put_provider(grant, name, provider)

    def put_provider(self, grant: Grant, name: ProviderName, provider: Provider) -> None:
        """Store a provider."""
        self.tx.put(PROVIDERS, *name.parts, value=provider)

    # Subjects.

    async def subject(self, grant: Grant, name: SubjectName) -> Subject:
        """Return the mark on a subject; one that nobody marked has none."""
        return await self.tx.get(SUBJECTS, *name.parts) or Subject()

    def put_subject(self, grant: Grant, name: SubjectName, subject: Subject) -> None:
        """Mark a subject."""
        self.tx.put(SUBJECTS, *name.parts, value=subject)

    async def _pools(self) -> list[Found[Pool]]:
        return [one async for one in scanned(self.tx, POOLS, ALL_POOLS)]

    async def _providers(self, pool: PoolName) -> list[Found[Provider]]:
        span = PROVIDERS.under(*pool.parts)
        return await self.tx.scan(PROVIDERS, span, limit=PROVIDERS_PER_POOL_MAX)


def _full(message: str) -> CloudError:
    return CloudError(Code.RESOURCE_EXHAUSTED, message, reason="limitExceeded")
