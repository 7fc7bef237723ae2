"""All tags of a resource at once: those bound to it, which can be replaced, and those in effect.

Source: locations.tagBindingCollections and locations.effectiveTagBindingCollections of Resource
Manager v3. The location in a name is where Google keeps the bindings; here every one is the same.
"""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import quote, unquote

from rempart.core.call import Call, Reply
from rempart.core.document import only, pairs, text, update_mask
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.services.resourcemanager.kinds import Json
from rempart.services.resourcemanager.tags import model
from rempart.services.resourcemanager.tags.api import bindings
from rempart.services.resourcemanager.tags.api.asked import name_of
from rempart.services.resourcemanager.tags.bindable import Target
from rempart.services.resourcemanager.tags.store import TagStore
from rempart.trust.policy.tags import Tag, merged

_NAME = re.compile(r"(locations/[a-z0-9-]{1,63}/(?:effectiveT|t)agBindingCollections)/(.{1,2048})")
_ETAG_BYTES = 12


async def asked_for(call: Call, store: TagStore) -> Resource:
    """Return the resource whose tags are asked for."""
    return (await store.target(_of(call)[1])).resource


def _of(call: Call) -> tuple[str, str]:
    """Return what a collection's name begins with, and the full name of its resource."""
    found = _NAME.fullmatch(name_of(call))
    if found is None:
        raise invalid("The name is no tag binding collection's.", field="name")
    full = found[2]
    return found[1], unquote(full) if full[:3].upper() == "%2F" else full


async def get(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Return what is bound to a resource itself."""
    target = await bindings.allowed(store, _of(call)[1], "listTagBindings")
    return Reply(document=_shown(call, target, await store.bound(grant, target)))


async def get_effective(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Return the tags in effect on a resource."""
    target = await bindings.allowed(store, _of(call)[1], "listEffectiveTags")
    levels = await store.setup.effective.levels(target.resource.name, target.resource.project)
    return Reply(document=_named(call, target) | _tags("effectiveTags", merged(levels)))


async def patch(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Replace all that is bound to a resource; each value that comes or goes needs its right."""
    only(call.document, "name", "fullResourceName", "tags", "etag")
    if call.query.get("updateMask") and update_mask(call.query) - {"tags", "etag", "*"}:
        raise invalid("Of a collection only its tags are changed.", field="updateMask")
    target = await bindings.allowed(store, _of(call)[1], "listTagBindings")
    old = await store.bound(grant, target)
    model.check_etag(text(call.document, "etag"), _etag(old))
    wanted, now = pairs(call.document, "tags"), {tag.key_name: tag.value_name for tag in old}
    for tag in old:
        if wanted.get(tag.key_name) != tag.value_name:
            await bindings.take(grant, store, target, tag.value)
    for key, value in wanted.items():
        if now.get(key) != value:
            name = await store.named(f"{key}/{value}") if key.count("/") == 1 else ""
            await bindings.add(grant, store, target, name or "tagValues/0")
    shown = _shown(call, target, await store.bound(grant, target))
    done = await store.done(grant, "Update TagBindingCollection", shown)
    return Reply(document=done, audit={"parent": target.name})


def _shown(call: Call, target: Target, tags: tuple[Tag, ...]) -> Json:
    return _named(call, target) | _tags("tags", tags) | {"etag": _etag(tags)}


def _named(call: Call, target: Target) -> Json:
    name = f"{_of(call)[0]}/{quote(target.name, safe='')}"
    return {"name": name, "fullResourceName": target.name}


def _tags(member: str, tags: tuple[Tag, ...]) -> Json:
    return {member: {tag.key_name: tag.value_name for tag in tags}} if tags else {}


def _etag(tags: tuple[Tag, ...]) -> str:
    """Return what tells one set of tags from another."""
    content = "\n".join(sorted(tag.value for tag in tags)).encode()
    return base64.b64encode(hashlib.sha256(content).digest()[:_ETAG_BYTES]).decode()
