"""What methods on workforce pools would make, for guards that judge it."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.document import update_mask
from rempart.core.proposal import Change, Proposal
from rempart.services.iam.api.asked import name_of
from rempart.services.iam.workforce.api import asked
from rempart.services.iam.workforce.api.providers import reading
from rempart.services.iam.workforce.model.provider import changed, new_provider, provider_json
from rempart.services.iam.workforce.store import WorkforceStore
from rempart.trust.identity.federation.pools import Provider
from rempart.trust.identity.workforce import names
from rempart.trust.policy import iam
from rempart.trust.policy.roles import Level

PROVIDER = "iam.googleapis.com/WorkforcePoolProvider"


async def policy(call: Call, store: WorkforceStore) -> Proposal | None:
    """Return a pool's policy as it would be, by whom it newly gives something."""
    found = await store.found_pool(asked.pool_of(call))
    if found is None:
        return None
    resource = await asked.pool(call, store)
    place = await store.session.place(Level.WORKFORCE_POOL, resource)
    new = iam.replaced(found.policy, call, place, etag=store.etag())
    return iam.proposed(resource, found.policy, new)


async def new(call: Call, store: WorkforceStore) -> Proposal | None:
    """Return the provider to create; nothing in a pool that is not there."""
    above = names.pool(name_of(call))
    name = names.new_provider(above, call.query.get("workforcePoolProviderId", ""))
    made = new_provider(name, call.document, await reading(call, store))
    return await _proposal(store, name, made, None)


async def patched(call: Call, store: WorkforceStore) -> Proposal | None:
    """Return a provider after a patch; nothing for one that is not there."""
    name = names.provider(name_of(call))
    old = await store.found_provider(name)
    if old is None:
        return None
    mask = update_mask(call.query)
    made = changed(old, call.document, mask, await reading(call, store))
    return await _proposal(store, name, made, old)


async def _proposal(
    store: WorkforceStore, name: names.ProviderName, made: Provider, old: Provider | None
) -> Proposal | None:
    pool = await store.found_pool(name.pool)
    if pool is None:
        return None
    return Proposal(
        type=PROVIDER,
        change=Change.UPDATE if old else Change.CREATE,
        container=pool.parent,
        name=str(name),
        fields=provider_json(made, store.thumbprint),
        before=provider_json(old, store.thumbprint) if old else {},
    )
