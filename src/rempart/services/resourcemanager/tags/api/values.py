"""Tag values: create, get, list, patch, delete.

Source: TagValues of google.cloud.resourcemanager.v3.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import only, text, update_mask
from rempart.core.grant import Grant
from rempart.core.pages import paged
from rempart.core.policy import Policy
from rempart.services.resourcemanager.tags import model
from rempart.services.resourcemanager.tags.api import asked
from rempart.services.resourcemanager.tags.api.keys import CHANGEABLE, MEMBERS, TIMES, check_mask
from rempart.services.resourcemanager.tags.model import TagValue
from rempart.services.resourcemanager.tags.shown import value_json
from rempart.services.resourcemanager.tags.store import TagStore


async def create(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Create a value of a key, as the key's pattern admits it."""
    document = call.document
    only(document, *MEMBERS, *TIMES)
    asked.rehearse(call, store)
    key = await store.key(grant, text(document, "parent"))
    short = model.short_name(document)
    model.check_allowed(key, short)
    value = TagValue(
        id=store.new_id(),
        key=key.id,
        namespaced=f"{key.namespaced}/{short}",
        short=short,
        description=model.bounded(document, "description", model.DESCRIPTION_CHARS_MAX),
        created=store.now,
        updated=store.now,
        etag=store.new_etag(),
        policy=Policy(etag=store.new_etag()),
    )
    await store.create_value(grant, key, value)
    return Reply(
        document=await store.done(grant, "Create TagValue", value_json(value)), audit=_audit(value)
    )


def _audit(value: TagValue) -> dict[str, str]:
    return {"tagValue": value.name}


async def get(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Return a value."""
    return Reply(document=value_json(await store.value(grant, grant.resource.name)))


async def list_(grant: Grant, call: Call, store: TagStore) -> Reply:
    """List the values of a key, by short name."""
    page = asked.page(call)
    found, following = await store.listed(grant, grant.resource.name, page)
    values = [await store.value(grant, f"tagValues/{one.value.id}") for one in found]
    return Reply(document=paged("tagValues", [value_json(value) for value in values], following))


async def patch(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Change a value's description."""
    only(call.document, *MEMBERS, *TIMES)
    asked.rehearse(call, store)
    paths = update_mask(call.query) if call.query.get("updateMask") else CHANGEABLE
    check_mask(paths)
    value = await store.value(grant, grant.resource.name)
    model.check_etag(text(call.document, "etag"), value.etag)
    if "description" in paths:
        description = model.bounded(call.document, "description", model.DESCRIPTION_CHARS_MAX)
        value = replace(value, description=description, updated=store.now, etag=store.new_etag())
        store.put_value(grant, value)
    return Reply(
        document=await store.done(grant, "Update TagValue", value_json(value)), audit=_audit(value)
    )


async def delete(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Delete a value that nothing has and nobody holds."""
    asked.rehearse(call, store)
    value = await store.value(grant, grant.resource.name)
    model.check_etag(call.query.get("etag", ""), value.etag)
    await store.delete_value(grant, value)
    return Reply(
        document=await store.done(grant, "Delete TagValue", value_json(value)), audit=_audit(value)
    )
