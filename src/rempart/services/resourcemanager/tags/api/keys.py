"""Tag keys: create, get, list, patch, delete.

Source: TagKeys of google.cloud.resourcemanager.v3.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import only, text, update_mask
from rempart.core.errors import invalid, not_found
from rempart.core.grant import Grant
from rempart.core.pages import paged
from rempart.core.policy import Policy
from rempart.services.resourcemanager.tags import model
from rempart.services.resourcemanager.tags.api import asked
from rempart.services.resourcemanager.tags.model import TagKey
from rempart.services.resourcemanager.tags.shown import key_json
from rempart.services.resourcemanager.tags.store import TagStore
from rempart.trust.policy.hierarchy import ORGANIZATIONS

MEMBERS = ("name", "parent", "shortName", "namespacedName", "description", "etag")
TIMES = ("createTime", "updateTime")
_MORE = ("purpose", "purposeData", "allowedValuesRegex")
CHANGEABLE = frozenset(("description", "etag"))


async def create(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Create a key in an organization or a project."""
    document = call.document
    only(document, *MEMBERS, *TIMES, *_MORE)
    model.check_purpose(document)
    asked.rehearse(call, store)
    target = await store.parent_target(text(document, "parent"))
    parent = target.name.split("/", 3)[3]
    project = target.resource.project
    if not project and not await store.session.tx.get(ORGANIZATIONS, parent.partition("/")[2]):
        raise not_found(f"{parent} not found.")
    key = TagKey(
        id=store.new_id(),
        parent=parent,
        namespace=project or parent.partition("/")[2],
        project=project,
        short=model.short_name(document),
        description=model.bounded(document, "description", model.DESCRIPTION_CHARS_MAX),
        created=store.now,
        updated=store.now,
        etag=store.new_etag(),
        policy=Policy(etag=store.new_etag()),
        allowed_values=model.allowed_values(document),
    )
    await store.create_key(grant, key)
    return Reply(
        document=await store.done(grant, "Create TagKey", key_json(key)), audit={"tagKey": key.name}
    )


async def get(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Return a key."""
    return Reply(document=key_json(await store.key(grant, grant.resource.name)))


async def list_(grant: Grant, call: Call, store: TagStore) -> Reply:
    """List the keys of an organization or a project, by short name."""
    page = asked.page(call)
    parent = (await store.parent_target(call.query["parent"])).name.split("/", 3)[3]
    found, following = await store.listed(grant, parent, page)
    keys = [await store.key(grant, f"tagKeys/{one.value.id}") for one in found]
    return Reply(document=paged("tagKeys", [key_json(key) for key in keys], following))


async def patch(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Change a key's description."""
    only(call.document, *MEMBERS, *TIMES, *_MORE)
    asked.rehearse(call, store)
    paths = update_mask(call.query) if call.query.get("updateMask") else CHANGEABLE
    check_mask(paths)
    key = await store.key(grant, grant.resource.name)
    model.check_etag(text(call.document, "etag"), key.etag)
    if "description" in paths:
        description = model.bounded(call.document, "description", model.DESCRIPTION_CHARS_MAX)
        key = replace(key, description=description, updated=store.now, etag=store.new_etag())
        store.put_key(grant, key)
    return Reply(
        document=await store.done(grant, "Update TagKey", key_json(key)), audit={"tagKey": key.name}
    )


def check_mask(paths: frozenset[str]) -> None:
    """Refuse to change what never changes."""
    for path in sorted(paths - CHANGEABLE):
        raise invalid(f"{path[:80]} cannot be changed.", field="updateMask")


async def delete(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Delete a key that has no values."""
    asked.rehearse(call, store)
    key = await store.key(grant, grant.resource.name)
    model.check_etag(call.query.get("etag", ""), key.etag)
    await store.delete_key(grant, key)
    return Reply(
        document=await store.done(grant, "Delete TagKey", key_json(key)), audit={"tagKey": key.name}
    )
