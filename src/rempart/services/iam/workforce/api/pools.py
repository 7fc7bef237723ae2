"""Workforce pools: create, get, list, update, delete, undelete; and operations on them.

Source: iam.locations.workforcePools of IAM v1. Operations are done when they are answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import update_mask
from rempart.core.grant import Grant
from rempart.core.pages import Page, page, paged
from rempart.services.iam.workforce.api.asked import name_of
from rempart.services.iam.workforce.model.pool import (
    changed,
    new_pool,
    pool_json,
    refuse_if_deleted,
    refuse_unless_deleted,
)
from rempart.services.iam.workforce.store import ALL_POOLS, WorkforceStore
from rempart.services.iam.workload_identity.operations import done, remembered
from rempart.trust.custody.kind import Found
from rempart.trust.identity.federation.pools import POOLS, Pool, Provider
from rempart.trust.identity.workforce import names
from rempart.trust.identity.workforce.documents import gone
from rempart.trust.identity.workforce.names import PoolName

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 100
_TYPE = "google.iam.admin.v1.WorkforcePool"
Run = Callable[[Grant, Call, WorkforceStore], Awaitable[Reply]]
Deletable = TypeVar("Deletable", Pool, Provider)


async def create(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Create a pool under an organization."""
    name = names.new_pool(call.query.get("workforcePoolId", ""))
    pool = new_pool(name, call.document, store.new_policy(), store.new_uid(), store.now)
    await store.create_pool(grant, name, pool)
    return await _done(grant, store, name, pool)


async def get(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Return a pool."""
    name = names.pool(name_of(call))
    return Reply(document=pool_json(await store.pool(grant, name)))


async def list_(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """List the pools of an organization."""
    above, admits = call.query.get("parent", ""), shows(call, store)

    def inside(found: Found[Pool]) -> bool:
        return found.value.parent == above and admits(found)

    found, following = await store.listed(POOLS, ALL_POOLS, asked_page(call), inside)
    shown = [pool_json(one.value) for one in found]
    return Reply(document=paged("workforcePools", shown, following))


async def patch(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Change the members of a pool that the mask names."""
    name = names.pool(name_of(call))
    old = await store.pool(grant, name)
    new = changed(old, call.document, update_mask(call.query))
    store.put_pool(grant, name, new)
    return await _done(grant, store, name, new)


async def delete(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Delete a pool: nobody of it gets in any more, and it can be had back for 30 days."""
    name = names.pool(name_of(call))
    new = deleted(await store.pool(grant, name), "WorkforcePool", store)
    store.put_pool(grant, name, new)
    return await _done(grant, store, name, new)


async def undelete(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Take back the deletion of a pool."""
    name = names.pool(name_of(call))
    new = undeleted(await store.pool(grant, name), "WorkforcePool")
    store.put_pool(grant, name, new)
    return await _done(grant, store, name, new)


async def operation(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Return an operation on a pool, or on what is in one."""
    pool, name = names.operation(name_of(call))
    return Reply(document=await remembered(store, str(pool), name))


def deleted(old: Deletable, noun: str, store: WorkforceStore) -> Deletable:
    """Return a resource as it is after its deletion."""
    refuse_if_deleted(old.deleted, noun)
    return replace(old, deleted=store.now)


def undeleted(old: Deletable, noun: str) -> Deletable:
    """Return a resource as it was before its deletion."""
    refuse_unless_deleted(old.deleted, noun)
    return replace(old, deleted=Micros(0))


def asked_page(call: Call) -> Page:
    """Return the page that a listing asks for, in the sizes that IAM has."""
    return page(call.query, default=PAGE_SIZE_DEFAULT, most=PAGE_SIZE_MAX)


def shows(call: Call, store: WorkforceStore) -> Callable[[Found[Deletable]], bool]:
    """Return whether a listing shows something: what is deleted only where that is asked for."""
    with_deleted = call.query.get("showDeleted", "") == "true"
    now = store.now

    def admits(found: Found[Deletable]) -> bool:
        deleted = found.value.deleted
        return not deleted or (with_deleted and not gone(deleted, now))

    return admits


async def _done(grant: Grant, store: WorkforceStore, name: PoolName, pool: Pool) -> Reply:
    return await done(grant, store, str(name), str(name), _TYPE, pool_json(pool))
