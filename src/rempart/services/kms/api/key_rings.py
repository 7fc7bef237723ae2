"""Key rings: create, get, list. They are never deleted, so that no name is ever used twice."""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import only
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.kinds import KEY_RING, KeyRing
from rempart.services.kms.model import names
from rempart.services.kms.model.listing import page
from rempart.services.kms.model.names import KeyRingName
from rempart.services.kms.resources import Json, key_ring_json
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.sealed import Found


async def create(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Create a key ring."""
    only(call.document, "name", "createTime")
    above = names.location(name_of(call))
    store.require_location(above)
    name = KeyRingName(above, names.new_id(call.query.get("keyRingId", ""), "keyRingId"))
    ring = await store.create_key_ring(grant, name)
    return Reply(document=key_ring_json(name, ring), audit={"keyRing": str(name)})


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return a key ring."""
    name = names.key_ring(name_of(call))
    return Reply(document=key_ring_json(name, await store.key_ring(grant, name)))


async def list_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """List the key rings of a location."""
    above = names.location(name_of(call))
    store.require_location(above)
    asked = page(call.query)

    async def show(found: Found[KeyRing]) -> Json:
        return key_ring_json(KeyRingName(above, found.id), found.value)

    shown, following = await store.listed(grant, KEY_RING, above.parts, asked, show)
    total = await store.ring_count(grant, above)
    return listed("keyRings", shown, following, 0 if asked.filtered else total)


def listed(noun: str, shown: list[Json], following: str, total: int) -> Reply:
    """Return a page of a listing; a filtered one has no total."""
    document: Json = {noun: shown} if shown else {}
    if following:
        document["nextPageToken"] = following
    if total:
        document["totalSize"] = total
    return Reply(document=document)
