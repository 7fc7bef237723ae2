"""Providers of workload identity pools: create, get, list, patch, delete, undelete.

Source: projects.locations.workloadIdentityPools.providers of IAM v1.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core import pages
from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import only, update_mask
from rempart.core.errors import CloudError, Code, already_exists, not_found
from rempart.core.grant import Grant
from rempart.services.iam.api.asked import name_of
from rempart.services.iam.store import IamStore
from rempart.services.iam.workload_identity import model, pools
from rempart.services.iam.workload_identity.names import Named, check_id
from rempart.services.iam.workload_identity.operations import done
from rempart.trust.identity.federation.pools import PROVIDERS, Provider, split
from rempart.trust.identity.federation.saml.provider import read_metadata

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 100
NOUN = "WorkloadIdentityPoolProvider"
_ID = "workloadIdentityPoolProviderId"
_MAPPING = "attributeMapping."


async def _find(grant: Grant, call: Call, store: IamStore) -> Provider:
    named = Named(name_of(call))
    pool = await pools.find(grant, named, store)
    found = await store.tx.get(PROVIDERS, pool.name, named.provider)
    if found is None or model.gone(found.deleted, store.now):
        raise not_found("Requested entity was not found.")
    return found


async def create(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Create a provider in a pool: from now on it vouches for identities of the pool."""
    pool = await pools.find(grant, Named(name_of(call)), store)
    model.refuse_deleted(pool.deleted, wanted=False)
    id_ = check_id(call.query.get(_ID, ""), _ID)
    old = await store.tx.get(PROVIDERS, pool.name, id_)
    if old is not None and not model.gone(old.deleted, store.now):
        raise already_exists("Requested entity already exists")
    there = await store.tx.scan(
        PROVIDERS, PROVIDERS.under(pool.name), limit=model.PROVIDERS_PER_POOL_MAX
    )
    if len(there) >= model.PROVIDERS_PER_POOL_MAX:
        raise CloudError(
            Code.RESOURCE_EXHAUSTED,
            f"A pool has at most {model.PROVIDERS_PER_POOL_MAX} providers.",
            reason="limitExceeded",
        )
    fresh = Provider(f"{pool.name}/providers/{id_}", store.now)
    made = await provider_of(fresh, call, model.PROVIDER_FIELDS, store)
    return await _stored(grant, store, made)


async def get(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return a provider, also one that can be undeleted."""
    return Reply(document=model.provider_json(await _find(grant, call, store)))


async def list_(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List the providers of a pool; the deleted ones only where that is asked for."""
    pool = await pools.find(grant, Named(name_of(call)), store)
    page = pages.page(call.query, default=PAGE_SIZE_DEFAULT, most=PAGE_SIZE_MAX)
    shows = pools.shown_in(call, store)
    found, following = await store.listed(
        PROVIDERS, PROVIDERS.under(pool.name), page, lambda one: shows(one.value.deleted)
    )
    shown = [model.provider_json(one.value) for one in found]
    return Reply(document=pages.paged("workloadIdentityPoolProviders", shown, following))


async def patch(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Change the fields of a provider that the mask names, single attributes among them."""
    old = await _find(grant, call, store)
    model.refuse_deleted(old.deleted, wanted=False)
    made = await provider_of(old, call, mask_of(call), store)
    return await _stored(grant, store, made)


async def delete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Delete a provider: it vouches for nobody at once; it can be undeleted for 30 days."""
    old = await _find(grant, call, store)
    model.refuse_deleted(old.deleted, wanted=False)
    return await _stored(grant, store, replace(old, deleted=store.now))


async def undelete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Restore a deleted provider."""
    only(call.document)
    old = await _find(grant, call, store)
    model.refuse_deleted(old.deleted, wanted=True)
    return await _stored(grant, store, replace(old, deleted=Micros(0)))


def mask_of(call: Call) -> frozenset[str]:
    """Return the paths of the mask; the keys of the mapping are no fields, and stay as they are."""
    raw = {path.strip() for path in call.query.get("updateMask", "").split(",")}
    keys = {_MAPPING + one.partition(".")[2] for one in raw if one.partition(".")[0] in _SPELLED}
    return frozenset(path for path in update_mask(call.query) if not path.startswith(_MAPPING)) | (
        frozenset(key for key in keys if key != _MAPPING)
    )


_SPELLED = frozenset(("attributeMapping", "attribute_mapping"))


async def provider_of(
    base: Provider, call: Call, fields: frozenset[str], store: IamStore
) -> Provider:
    """Return a provider with these fields taken from a request."""
    metadata = await read_metadata(call.document, store.setup.reader)
    return model.provider(base, call.document, fields, metadata, store.now)


async def _stored(grant: Grant, store: IamStore, provider: Provider) -> Reply:
    pool, id_ = split(provider.name)
    store.tx.put(PROVIDERS, pool, id_, value=provider)
    return await done(grant, store, pool, provider.name, NOUN, model.provider_json(provider))
