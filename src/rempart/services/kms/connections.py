"""What Cloud KMS stores of external key managers: its verbs on their connections."""

from __future__ import annotations

from rempart.core.errors import CloudError, Code, already_exists, not_found
from rempart.core.grant import Grant
from rempart.core.policy import Policy
from rempart.services.kms.kinds import EKM_CONFIG, EKM_CONNECTION
from rempart.services.kms.model.ekm_connection import (
    CONNECTIONS_PER_LOCATION_MAX,
    EkmConfig,
    EkmConnection,
)
from rempart.services.kms.model.names import EkmConfigName, EkmConnectionName, LocationName
from rempart.services.kms.store import KmsStore

UNSET = "ACAB"
"""Google's entity tag of a policy that nobody has set."""


async def connection(store: KmsStore, grant: Grant, name: EkmConnectionName) -> EkmConnection:
    """Return a connection; raises `not_found`."""
    found = await store.tx.get(EKM_CONNECTION, *name.parts)
    if found is None:
        raise not_found(f"EkmConnection {name} not found.")
    return found


async def create_connection(
    store: KmsStore, grant: Grant, name: EkmConnectionName, made: EkmConnection
) -> None:
    """Store a new connection; raises `already_exists`, or past the limit of a location."""
    if await store.tx.get(EKM_CONNECTION, *name.parts) is not None:
        raise already_exists(f"EkmConnection {name} already exists.")
    if await connection_count(store, grant, name.parent) >= CONNECTIONS_PER_LOCATION_MAX:
        raise CloudError(
            Code.RESOURCE_EXHAUSTED,
            f"{name.parent} has {CONNECTIONS_PER_LOCATION_MAX} connections, which is the most.",
            reason="CONNECTIONS_PER_LOCATION",
        )
    put_connection(store, grant, name, made)


def put_connection(
    store: KmsStore, grant: Grant, name: EkmConnectionName, made: EkmConnection
) -> None:
    """Store a connection."""
    store.writes.put(EKM_CONNECTION, name, made)


async def connection_count(store: KmsStore, grant: Grant, name: LocationName) -> int:
    """Return how many connections a location has."""
    span = EKM_CONNECTION.under(*name.parts)
    found = await store.tx.scan(EKM_CONNECTION, span, limit=CONNECTIONS_PER_LOCATION_MAX)
    return len(found)


async def config(store: KmsStore, grant: Grant, name: EkmConfigName) -> EkmConfig:
    """Return a location's settings, which are there without having been made."""
    store.require_location(name.parent)
    found = await store.tx.get(EKM_CONFIG, *name.parts)
    return found or EkmConfig(policy=Policy(etag=UNSET))


def put_config(store: KmsStore, grant: Grant, name: EkmConfigName, made: EkmConfig) -> None:
    """Store a location's settings."""
    store.writes.put(EKM_CONFIG, name, made)
