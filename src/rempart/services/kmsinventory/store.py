"""The inventory's view of Cloud KMS: its documents, and what other services tell of keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rempart.core.grant import Grant
from rempart.services.kms.lineage import upwards
from rempart.services.kms.model.names import CryptoKeyName
from rempart.services.kms.protected import ProtectedResource, ProtectedResources
from rempart.services.kms.store import KmsStore, Setup
from rempart.trust.session import Session

ORGANIZATION = "organizations/"


class InventoryStore(KmsStore):
    """The documents of Cloud KMS as one session sees them, and the resources under a key."""

    __slots__ = ("_protected",)

    def __init__(
        self, setup: Setup, session: Session, protected: tuple[ProtectedResources, ...]
    ) -> None:
        super().__init__(setup, session)
        self._protected = protected

    def tracked(self) -> tuple[str, ...]:
        """Return the types of resource that are tracked."""
        return tuple(one for service in self._protected for one in service.types)

    async def under(
        self, grant: Grant, key: CryptoKeyName, scope: str
    ) -> AsyncIterator[ProtectedResource]:
        """Iterate over what a key protects within a project or organization, by name."""
        inside: dict[str, bool] = {}
        for service in self._protected:
            async for resource in service.under(key, self.tx):
                if resource.project not in inside:
                    inside[resource.project] = await self._within(resource.project, scope)
                if inside[resource.project]:
                    yield resource

    async def organization(self, project: str) -> str:
        """Return the organization of a project, empty where it is in none."""
        async for name in upwards(self.tx, f"projects/{project}"):
            if name.startswith(ORGANIZATION):
                return name
        return ""

    async def _within(self, project: str, scope: str) -> bool:
        return scope in [name async for name in upwards(self.tx, f"projects/{project}")]
