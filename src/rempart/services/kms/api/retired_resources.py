"""Retired resources: the names of deleted keys; get, list.

Source: the RetiredResource methods of google.cloud.kms.v1.KeyManagementService.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros, rfc3339
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.key_rings import listed
from rempart.services.kms.kinds import RETIRED
from rempart.services.kms.model import names
from rempart.services.kms.model.listing import page
from rempart.services.kms.model.retired import (
    RESOURCE_TYPE,
    RetiredName,
    RetiredResource,
    retired_name,
)
from rempart.services.kms.resources import Json
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.kind import Found


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return what is left of a deleted key."""
    name = retired_name(name_of(call))
    return Reply(document=_shown(await store.retired_resource(grant, name)))


async def list_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """List the names of deleted keys of a location."""
    above = names.location(name_of(call))
    store.require_location(above)

    async def show(found: Found[RetiredResource]) -> Json:
        return _shown(found.value)

    shown, following = await store.listed(grant, RETIRED, above.parts, page(call.query), show)
    counted = await store.counted(grant, above)
    return listed("retiredResources", shown, following, counted.retired)


def _shown(retired: RetiredResource) -> Json:
    return {
        "name": str(RetiredName(names.crypto_key(retired.original))),
        "originalResource": retired.original,
        "resourceType": RESOURCE_TYPE,
        "deleteTime": rfc3339(Micros(retired.deleted)),
    }
