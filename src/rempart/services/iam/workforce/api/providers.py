"""Providers of workforce pools: create, get, list, update, delete, undelete.

Source: iam.locations.workforcePools.providers of IAM v1.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import update_mask
from rempart.core.grant import Grant
from rempart.core.pages import paged
from rempart.services.iam.workforce.api.asked import name_of
from rempart.services.iam.workforce.api.pools import (
    asked_page,
    deleted,
    shows,
    undeleted,
)
from rempart.services.iam.workforce.model.pool import refuse_if_deleted
from rempart.services.iam.workforce.model.provider import (
    Reading,
    changed,
    new_provider,
    provider_json,
)
from rempart.services.iam.workforce.store import WorkforceStore
from rempart.services.iam.workload_identity.operations import done
from rempart.trust.identity.federation.pools import PROVIDERS, Provider
from rempart.trust.identity.federation.saml.provider import read_metadata
from rempart.trust.identity.workforce import names
from rempart.trust.identity.workforce.names import ProviderName

_TYPE = "google.iam.admin.v1.WorkforcePoolProvider"


async def create(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Create a provider in a pool; that it can be reached is found out at the first sign-in."""
    above = names.pool(name_of(call))
    refuse_if_deleted((await store.pool(grant, above)).deleted, "WorkforcePool")
    name = names.new_provider(above, call.query.get("workforcePoolProviderId", ""))
    provider = new_provider(name, call.document, await reading(call, store))
    await store.create_provider(grant, name, provider)
    return await _done(grant, store, name, provider)


async def get(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Return a provider, without its secret."""
    name = names.provider(name_of(call))
    found = await store.provider(grant, name)
    return Reply(document=provider_json(found, store.thumbprint))


async def list_(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """List the providers of a pool."""
    above, admits = names.pool(name_of(call)), shows(call, store)
    await store.pool(grant, above)

    span = PROVIDERS.under(*above.parts)
    found, following = await store.listed(PROVIDERS, span, asked_page(call), admits)
    shown = [provider_json(one.value, store.thumbprint) for one in found]
    return Reply(document=paged("workforcePoolProviders", shown, following))


async def patch(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Change the members of a provider that the mask names."""
    name = names.provider(name_of(call))
    old = await store.provider(grant, name)
    mask = update_mask(call.query)
    new = changed(old, call.document, mask, await reading(call, store))
    store.put_provider(grant, name, new)
    return await _done(grant, store, name, new)


async def delete(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Delete a provider: who came by it is out, and it can be had back for 30 days."""
    name = names.provider(name_of(call))
    new = deleted(await store.provider(grant, name), "WorkforcePoolProvider", store)
    store.put_provider(grant, name, new)
    return await _done(grant, store, name, new)


async def undelete(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Take back the deletion of a provider."""
    name = names.provider(name_of(call))
    new = undeleted(await store.provider(grant, name), "WorkforcePoolProvider")
    store.put_provider(grant, name, new)
    return await _done(grant, store, name, new)


async def reading(call: Call, store: WorkforceStore) -> Reading:
    """Have the SAML metadata of a request read, if it has any."""
    return Reading(await read_metadata(call.document, store.setup.reader), store.now)


async def _done(
    grant: Grant, store: WorkforceStore, name: ProviderName, provider: Provider
) -> Reply:
    shown = provider_json(provider, store.thumbprint)
    return await done(grant, store, str(name.pool), str(name), _TYPE, shown)
