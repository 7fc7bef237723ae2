"""IAM policies of key rings, keys, import jobs, and of connections to external key managers.

Source: google.iam.v1.IAMPolicy, as Cloud KMS serves it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.core.policy import Policy, Resource
from rempart.core.proposal import Change, Proposal
from rempart.services.kms import connections
from rempart.services.kms.api import asked
from rempart.services.kms.kinds import KeyRing
from rempart.services.kms.model import names
from rempart.services.kms.model.crypto_key import CryptoKey
from rempart.services.kms.model.ekm_connection import EkmConfig, EkmConnection
from rempart.services.kms.model.import_job import ImportJob
from rempart.services.kms.policy_view import SERVICE
from rempart.services.kms.store import KmsStore
from rempart.trust.policy import iam
from rempart.trust.policy.delta import changes
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import policy_to_json

N = TypeVar("N")
Guarded = TypeVar("Guarded", KeyRing, CryptoKey, ImportJob, EkmConnection, EkmConfig)
Run = Callable[[Grant, Call, KmsStore], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class PolicyMethods:
    """The three methods on the policy of a kind of resource, and what the second proposes."""

    get: Run
    set: Run
    test: Run
    proposes: Callable[[Call, KmsStore], Awaitable[Proposal | None]]


@dataclass(frozen=True, slots=True)
class _Noun(Generic[N, Guarded]):
    """A kind of resource that has a policy: how it is named, read, written and asked about."""

    level: Level
    name: Callable[[str], N]
    find: Callable[[KmsStore, Grant, N], Awaitable[Guarded]]
    put: Callable[[KmsStore, Grant, N, Guarded], None]
    resource: Callable[[Call, KmsStore], Awaitable[Resource]]


def _methods(noun: _Noun[N, Guarded]) -> PolicyMethods:
    async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
        """Return the policy of a resource."""
        found = await noun.find(store, grant, noun.name(asked.name_of(call)))
        return Reply(document=iam.shown(found.policy, call))

    async def set_(grant: Grant, call: Call, store: KmsStore) -> Reply:
        """Replace the policy of a resource."""
        name = noun.name(asked.name_of(call))
        old = await noun.find(store, grant, name)
        place = await store.session.place(noun.level, await noun.resource(call, store))
        policy = iam.replaced(old.policy, call, place, etag=store.policy_etag())
        noun.put(store, grant, name, _with(old, policy))
        shown = policy_to_json(policy, requested_version=policy.version)
        return Reply(document=shown, audit={"resource": str(name), **changes(old.policy, policy)})

    async def test(grant: Grant, call: Call, store: KmsStore) -> Reply:
        """Return those of the asked permissions that the caller has."""
        wanted = iam.permissions_asked(call, noun.level)
        resource = await noun.resource(call, store)
        held = await store.session.authority.held(wanted, resource)
        return Reply(document=iam.permissions_held(held))

    async def proposes(call: Call, store: KmsStore) -> Proposal:
        """Return the policy of a resource as it would be, by whom it newly gives something."""
        name, resource = asked.name_of(call), await noun.resource(call, store)
        old = resource.policies[0] if resource.policies else Policy()
        place = await store.session.place(noun.level, resource)
        new = iam.replaced(old, call, place, etag=store.policy_etag())
        return Proposal(
            type=f"{SERVICE}/AllowPolicy",
            change=Change.UPDATE,
            container=f"projects/{resource.project}",
            name=name,
            members=iam.newly_given(old, new),
            roles=iam.modified(old, new),
        )

    return PolicyMethods(get, set_, test, proposes)


def _with(resource: Guarded, policy: Policy) -> Guarded:
    return replace(resource, policy=policy)


KEY_RINGS = _methods(
    _Noun(Level.KEY_RING, names.key_ring, KmsStore.key_ring, KmsStore.put_key_ring, asked.key_ring)
)
CRYPTO_KEYS = _methods(
    _Noun(
        Level.CRYPTO_KEY,
        names.crypto_key,
        KmsStore.crypto_key,
        KmsStore.put_crypto_key,
        asked.crypto_key,
    )
)
IMPORT_JOBS = _methods(
    _Noun(
        Level.IMPORT_JOB,
        names.import_job,
        KmsStore.import_job,
        KmsStore.put_import_job,
        asked.import_job,
    )
)
EKM_CONNECTIONS = _methods(
    _Noun(
        Level.EKM_CONNECTION,
        names.ekm_connection,
        connections.connection,
        connections.put_connection,
        asked.ekm_connection,
    )
)
EKM_CONFIG = _methods(
    _Noun(
        Level.EKM_CONFIG,
        names.ekm_config,
        connections.config,
        connections.put_config,
        asked.ekm_config,
    )
)
