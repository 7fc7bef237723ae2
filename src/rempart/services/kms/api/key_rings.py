"""Key rings: create, get, list, delete.

The name of a deleted ring can be given again; the names of the keys that it held cannot
(`retired_resources.py`).
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import only
from rempart.core.grant import Grant
from rempart.core.pages import paged
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.kinds import KEY_RING, KeyRing
from rempart.services.kms.model import names
from rempart.services.kms.model.listing import page
from rempart.services.kms.model.names import KeyRingName
from rempart.services.kms.resources import Json, key_ring_json
from rempart.services.kms.store import KmsStore
from rempart.services.operations import EMPTY, typed
from rempart.trust.custody.kind import Found


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
    counted = await store.counted(grant, above)
    return listed("keyRings", shown, following, 0 if asked.filtered else counted.count)


async def delete(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Delete a ring that holds nothing any more."""
    name = names.key_ring(name_of(call))
    await store.delete_key_ring(grant, name)
    # Google's library describes no metadata for this operation.
    done = await store.finished(grant, name.parent, {}, typed(EMPTY, {}))
    return Reply(document=done, audit={"keyRing": str(name)})


def listed(noun: str, shown: list[Json], following: str, total: int) -> Reply:
    """Return a page of a listing; a filtered one has no total."""
    document = paged(noun, shown, following)
    return Reply(document=document | ({"totalSize": total} if total else {}))
