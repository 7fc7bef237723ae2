"""KMS Inventory v1: the keys of a project, and what a key protects.

The table below is the service: each method with the permission that the gate asks for, on what.
Google answers from snapshots; here every answer is of now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.services.kms.api import asked
from rempart.services.kms.protected import ProtectedResources
from rempart.services.kms.store import KmsStore, Setup
from rempart.services.kmsinventory import api
from rempart.services.kmsinventory.store import InventoryStore
from rempart.trust.session import Session


async def _scope(call: Call, store: KmsStore) -> Resource:
    return store.container_resource(call.path["scope"])


def _method(
    name: str,
    permission: str,
    resource: Callable[[Call, KmsStore], Awaitable[Resource]],
    run: api.Run,
) -> Method[InventoryStore]:
    id_ = MethodId(f"kmsinventory.{name}")
    return Method(id_, Access.READ, run, resource, f"cloudkms.{permission}")


METHODS: tuple[Method[InventoryStore], ...] = (
    _method("projects.cryptoKeys.list", "cryptoKeys.list", asked.project, api.list_keys),
    _method(
        "projects.locations.keyRings.cryptoKeys.getProtectedResourcesSummary",
        api.SEARCH,
        asked.crypto_key,
        api.summary,
    ),
    _method("organizations.protectedResources.search", api.SEARCH, _scope, api.search),
    _method("projects.protectedResources.search", api.SEARCH, _scope, api.search),
)


@dataclass(frozen=True, slots=True)
class KmsInventoryService:
    """The API as the gate serves it; `protected` is of each service that keys protect."""

    setup: Setup
    protected: tuple[ProtectedResources, ...]
    name: str = "kmsinventory"
    methods: tuple[Method[InventoryStore], ...] = METHODS

    def open(self, session: Session) -> InventoryStore:
        """Return the store of one session."""
        return InventoryStore(self.setup, session, self.protected)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
