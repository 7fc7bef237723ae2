"""Workload identity pools: create, get, list, patch, delete, undelete.

Source: projects.locations.workloadIdentityPools of IAM v1.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from rempart.core import pages
from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import boolean, only, update_mask
from rempart.core.errors import CloudError, Code, already_exists, not_found
from rempart.core.grant import Grant
from rempart.services.iam.api.asked import name_of
from rempart.services.iam.store import IamStore
from rempart.services.iam.workload_identity import model
from rempart.services.iam.workload_identity.asked import project_of
from rempart.services.iam.workload_identity.names import Named, check_id, pool_name
from rempart.services.iam.workload_identity.operations import done
from rempart.trust.identity.federation.pools import POOLS, PROVIDERS, Pool

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1000
NOUN = "WorkloadIdentityPool"
_UID_BYTES = 16


async def find(grant: Grant, named: Named, store: IamStore) -> Pool:
    """Return the pool that a name is of or in, also one that can be undeleted."""
    name = pool_name((await project_of(grant, named, store)).number, named.pool)
    found = await store.tx.get(POOLS, name)
    if found is None or model.gone(found.deleted, store.now):
        raise not_found("Requested entity was not found.")
    return found


async def create(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Create a pool in a project; it has no providers yet."""
    project = await project_of(grant, Named(name_of(call)), store)
    id_ = check_id(call.query.get("workloadIdentityPoolId", ""), "workloadIdentityPoolId")
    name = pool_name(project.number, id_)
    old = await store.tx.get(POOLS, name)
    if old is not None and not model.gone(old.deleted, store.now):
        raise already_exists("Requested entity already exists")
    await _check_room(store, project.number)
    for left in await store.tx.scan(
        PROVIDERS, PROVIDERS.under(name), limit=model.PROVIDERS_PER_POOL_MAX
    ):
        store.tx.delete(PROVIDERS, name, left.id)
    uid = store.setup.world.random(_UID_BYTES).hex()
    fresh = Pool(name, f"projects/{project.id}", uid, store.now)
    made = model.pool(fresh, call.document, model.POOL_FIELDS)
    return await _stored(grant, store, made)


async def get(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return a pool, also one that can be undeleted."""
    return Reply(document=model.pool_json(await find(grant, Named(name_of(call)), store)))


async def list_(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List the pools of a project; the deleted ones only where that is asked for."""
    project = await project_of(grant, Named(name_of(call)), store)
    page = pages.page(call.query, default=PAGE_SIZE_DEFAULT, most=PAGE_SIZE_MAX)
    shows = shown_in(call, store)
    span = POOLS.under(prefix=pool_name(project.number, ""))
    found, following = await store.listed(POOLS, span, page, lambda one: shows(one.value.deleted))
    shown = [model.pool_json(one.value) for one in found]
    return Reply(document=pages.paged("workloadIdentityPools", shown, following))


async def patch(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Change the fields of a pool that the mask names; disabling it takes effect at once."""
    old = await find(grant, Named(name_of(call)), store)
    model.refuse_deleted(old.deleted, wanted=False)
    return await _stored(grant, store, model.pool(old, call.document, update_mask(call.query)))


async def delete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Delete a pool: its identities are refused at once; it can be undeleted for 30 days."""
    old = await find(grant, Named(name_of(call)), store)
    model.refuse_deleted(old.deleted, wanted=False)
    return await _stored(grant, store, replace(old, deleted=store.now))


async def undelete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Restore a deleted pool; tokens of before count again until they expire."""
    only(call.document)
    old = await find(grant, Named(name_of(call)), store)
    model.refuse_deleted(old.deleted, wanted=True)
    return await _stored(grant, store, replace(old, deleted=Micros(0)))


def shown_in(call: Call, store: IamStore) -> Callable[[Micros], bool]:
    """Return whether a listing shows what was deleted at a time."""
    deleted_too = boolean(call.query, "showDeleted")
    return lambda at: not at or (deleted_too and not model.gone(at, store.now))


async def _check_room(store: IamStore, number: str) -> None:
    span = POOLS.under(prefix=pool_name(number, ""))
    there = await store.tx.scan(POOLS, span, limit=2 * model.POOLS_PER_PROJECT_MAX)
    in_use = [one for one in there if not model.gone(one.value.deleted, store.now)]
    if len(in_use) >= model.POOLS_PER_PROJECT_MAX:
        raise CloudError(
            Code.RESOURCE_EXHAUSTED,
            f"A project has at most {model.POOLS_PER_PROJECT_MAX} workload identity pools.",
            reason="limitExceeded",
        )


async def _stored(grant: Grant, store: IamStore, pool: Pool) -> Reply:
    store.tx.put(POOLS, pool.name, value=pool)
    return await done(grant, store, pool.name, pool.name, NOUN, model.pool_json(pool))
