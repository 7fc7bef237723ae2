"""IAM policies of tag keys and tag values: who may bind them is said there.

Source: google.iam.v1.IAMPolicy, as Resource Manager serves it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.core.policy import Policy, Resource
from rempart.core.proposal import Proposal
from rempart.services.resourcemanager.tags.api import asked
from rempart.services.resourcemanager.tags.api.asked import Run
from rempart.services.resourcemanager.tags.model import TagKey, TagValue
from rempart.services.resourcemanager.tags.store import TagStore
from rempart.trust.policy import iam
from rempart.trust.policy.delta import changes
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import policy_to_json

Guarded = TypeVar("Guarded", TagKey, TagValue)


@dataclass(frozen=True, slots=True)
class PolicyMethods:
    """The three methods on the policy of keys, or of values, and what the second proposes."""

    get: Run
    set: Run
    test: Run
    proposes: Callable[[Call, TagStore], Awaitable[Proposal]]


@dataclass(frozen=True, slots=True)
class _Noun(Generic[Guarded]):
    level: Level
    find: Callable[[TagStore, Grant, str], Awaitable[Guarded]]
    put: Callable[[TagStore, Grant, Guarded], None]
    resource: Callable[[Call, TagStore], Awaitable[Resource]]


def _methods(noun: _Noun[Guarded]) -> PolicyMethods:
    async def get(grant: Grant, call: Call, store: TagStore) -> Reply:
        """Return the policy of a key or value."""
        found = await noun.find(store, grant, asked.name_of(call))
        return Reply(document=iam.shown(found.policy, call))

    async def set_(grant: Grant, call: Call, store: TagStore) -> Reply:
        """Replace the policy of a key or value."""
        name = asked.name_of(call)
        old = await noun.find(store, grant, name)
        place = await store.session.place(noun.level, await noun.resource(call, store))
        policy = iam.replaced(old.policy, call, place, etag=store.new_etag())
        noun.put(store, grant, _with(old, policy))
        shown = policy_to_json(policy, requested_version=policy.version)
        return Reply(document=shown, audit={"resource": name, **changes(old.policy, policy)})

    async def test(grant: Grant, call: Call, store: TagStore) -> Reply:
        """Return those of the asked permissions that the caller has."""
        wanted = iam.permissions_asked(call, noun.level)
        resource = await noun.resource(call, store)
        held = await store.session.authority.held(wanted, resource)
        return Reply(document=iam.permissions_held(held))

    async def proposes(call: Call, store: TagStore) -> Proposal:
        """Return the policy as it would be, by whom it newly gives something."""
        resource = await noun.resource(call, store)
        old = resource.policies[0] if resource.policies else Policy()
        place = await store.session.place(noun.level, resource)
        return iam.proposed(resource, old, iam.replaced(old, call, place, etag=store.new_etag()))

    return PolicyMethods(get, set_, test, proposes)


def _with(found: Guarded, policy: Policy) -> Guarded:
    return replace(found, policy=policy)


KEYS = _methods(_Noun(Level.TAG_KEY, TagStore.key, TagStore.put_key, asked.key))
VALUES = _methods(_Noun(Level.TAG_VALUE, TagStore.value, TagStore.put_value, asked.value))
