"""The inventory's methods: list keys, sum up and search what a key protects.

Source: KeyDashboardService and KeyTrackingService of google.cloud.kms.inventory.v1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from rempart.core import pages
from rempart.core.call import Call, Reply
from rempart.core.errors import required
from rempart.core.grant import Grant
from rempart.core.pages import paged, token
from rempart.services.kms.kinds import CRYPTO_KEY, crypto_key_name
from rempart.services.kms.model import names
from rempart.services.kms.model.crypto_key import CryptoKey
from rempart.services.kms.model.listing import PAGE_SIZE_MAX, page
from rempart.services.kms.resources import Json, crypto_key_json
from rempart.services.kmsinventory.model import Summary, of_types, resource_json
from rempart.services.kmsinventory.store import InventoryStore
from rempart.trust.custody.kind import Found

SEARCH = "protectedResources.search"
SEARCH_PAGE_MAX = 500
COUNTED_MAX = 100_000
_OWN_PROJECT = "FALLBACK_SCOPE_PROJECT"
Run = Callable[[Grant, Call, InventoryStore], Awaitable[Reply]]


async def list_keys(grant: Grant, call: Call, store: InventoryStore) -> Reply:
    """List the keys of all rings and locations of a project."""
    asked = page(call.query)
    if not call.query.get("pageSize"):
        asked = replace(asked, size=PAGE_SIZE_MAX)

    async def show(found: Found[CryptoKey]) -> Json:
        name = crypto_key_name(found.key)
        return crypto_key_json(name, found.value, await store.primary(grant, name, found.value))

    above = (call.path["parent"].removeprefix("projects/"),)
    shown, following = await store.listed(grant, CRYPTO_KEY, above, asked, show)
    return Reply(document=paged("cryptoKeys", shown, following))


async def summary(grant: Grant, call: Call, store: InventoryStore) -> Reply:
    """Count what a key protects in its organization, or in its project where that is asked for.

    Who may know of a project need not know of the organization: that is asked for too.
    """
    key = names.crypto_key(call.path["name"])
    await store.crypto_key(grant, key)
    store.tracked()
    project = key.parent.parent.project
    scope = await _scope(call, store, project)
    counted = Summary()
    async for resource in store.under(grant, key, scope):
        counted.add(resource)
        if counted.total == COUNTED_MAX:
            return Reply(document=counted.shown(key) | _PARTIAL)
    return Reply(document=counted.shown(key))


_PARTIAL: Json = {
    "warnings": [
        {
            "warningCode": "RESOURCE_LIMIT_EXCEEDED_PARTIAL_DATA",
            "displayMessage": f"Only the first {COUNTED_MAX} resources were counted.",
        }
    ]
}


async def _scope(call: Call, store: InventoryStore, project: str) -> str:
    top = await store.organization(project)
    if not top or call.query.get("fallbackScope") == _OWN_PROJECT:
        return f"projects/{project}"
    await store.session.authority.require(f"cloudkms.{SEARCH}", store.container_resource(top))
    return top


async def search(grant: Grant, call: Call, store: InventoryStore) -> Reply:
    """Return what a key protects within a project or organization, a page at a time."""
    key = names.crypto_key(_required(call, "cryptoKey").removeprefix("//cloudkms.googleapis.com/"))
    wanted = of_types(call.query.get("resourceTypes", ""), store.tracked())
    asked = pages.page(call.query, default=SEARCH_PAGE_MAX, most=SEARCH_PAGE_MAX)
    after = asked.after_name
    shown, last = list[Json](), ""
    async for resource in store.under(grant, key, call.path["scope"]):
        if resource.name <= after or not wanted(resource):
            continue
        if len(shown) == asked.size:
            return Reply(document=paged("protectedResources", shown, token(last)))
        shown.append(resource_json(resource))
        last = resource.name
    return Reply(document=paged("protectedResources", shown))


def _required(call: Call, name: str) -> str:
    value = call.query.get(name, "")
    if not value:
        raise required(f"{name} is required.", field=name)
    return value
