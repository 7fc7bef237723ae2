"""Tag bindings: create, delete, list; and the tags in effect on a resource.

A tag can make a condition true, so to bind one is to grant: it needs a right on the value, which
the gate asks for, and one on the resource, which is asked for here because each kind of resource
has its own. Source: TagBindings of google.cloud.resourcemanager.v3.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import only, text
from rempart.core.errors import already_exists, not_found, required
from rempart.core.grant import Grant
from rempart.core.pages import page_of
from rempart.services.resourcemanager.tags import model
from rempart.services.resourcemanager.tags.api import asked
from rempart.services.resourcemanager.tags.bindable import Target
from rempart.services.resourcemanager.tags.model import TagKey
from rempart.services.resourcemanager.tags.shown import binding_json, effective_json
from rempart.services.resourcemanager.tags.store import TagStore
from rempart.trust.policy.tags import MANAGER, Tag, merged

_BINDINGS = "resourcemanager.tagValueBindings"


async def create(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Bind a value to a resource; a resource has one value of a key."""
    only(call.document, "name", "parent", "tagValue", "tagValueNamespacedName")
    asked.rehearse(call, store)
    parent = text(call.document, "parent")
    if not parent:
        raise required("parent is required: a full resource name.", field="parent")
    target = await store.target(parent)
    tag = await add(grant, store, target, grant.resource.name)
    done = await store.done(grant, "Create TagBinding", binding_json(target.name, tag))
    return Reply(document=done, audit=_audit(target, tag.value))


async def add(grant: Grant, store: TagStore, target: Target, name: str) -> Tag:
    """Bind a value, once its right and the resource's are granted."""
    authority = store.session.authority
    await authority.require(f"{target.noun}.createTagBinding", target.resource)
    await authority.require(f"{_BINDINGS}.create", await store.value_resource(name))
    value = await store.value(grant, name)
    key = await store.key(grant, f"tagKeys/{value.key}")
    await _check_reach(store, target, key)
    tag = Tag(key.name, value.name, key.namespaced, value.short)
    store.bind(grant, target, value, _with(await store.bound(grant, target), tag, target))
    return tag


def _with(tags: tuple[Tag, ...], tag: Tag, target: Target) -> tuple[Tag, ...]:
    if tag in tags:
        raise already_exists("A binding already exists between the given resource and TagValue.")
    if any(one.key == tag.key for one in tags):
        message = (
            f"{target.name} has another value of {tag.key_name} already; delete that binding first."
        )
        raise model.precondition(message, "TAG_KEY_BOUND")
    if len(tags) >= model.TAGS_PER_RESOURCE_MAX:
        message = f"{target.name} has {model.TAGS_PER_RESOURCE_MAX} tags, which is the most."
        raise model.exhausted(message, "TAGS_PER_RESOURCE")
    return (*tags, tag)


async def _check_reach(store: TagStore, target: Target, key: TagKey) -> None:
    """Refuse a key of another organization, or of another project."""
    levels = await store.setup.effective.levels(target.resource.name, target.resource.project)
    if f"//{MANAGER}/{key.parent}" not in {name for name, _ in levels}:
        message = f"{key.name} is of {key.parent}, in which {target.name} does not lie."
        raise model.precondition(message, "TAG_OUT_OF_REACH")


async def delete(grant: Grant, call: Call, store: TagStore) -> Reply:
    """Take a value from a resource."""
    parent, _ = model.binding(asked.name_of(call))
    target = await store.target(parent)
    await take(grant, store, target, grant.resource.name)
    done = await store.done(grant, "Delete TagBinding", {})
    return Reply(document=done, audit=_audit(target, grant.resource.name))


async def take(grant: Grant, store: TagStore, target: Target, name: str) -> None:
    """Take a value away, once its right and the resource's are granted."""
    authority = store.session.authority
    await authority.require(f"{target.noun}.deleteTagBinding", target.resource)
    await authority.require(f"{_BINDINGS}.delete", await store.value_resource(name))
    value, tags = await store.value(grant, name), await store.bound(grant, target)
    rest = tuple(tag for tag in tags if tag.value != value.name)
    if rest == tags:
        raise not_found(f"{value.name} is not bound to {target.name}.")
    store.unbind(grant, target, value, rest)


def _audit(target: Target, value: str) -> dict[str, str]:
    return {"tagValue": value, "parent": target.name}


async def list_(grant: Grant, call: Call, store: TagStore) -> Reply:
    """List what is bound to a resource itself."""
    target = await allowed(store, asked.parent_of(call), "listTagBindings")
    tags = await store.bound(grant, target)
    shown = [(tag.key, binding_json(target.name, tag)) for tag in tags]
    return Reply(document=page_of("tagBindings", shown, asked.page(call)))


async def list_effective(grant: Grant, call: Call, store: TagStore) -> Reply:
    """List the tags in effect on a resource; of two values of a key the nearest."""
    target = await allowed(store, asked.parent_of(call), "listEffectiveTags")
    levels = await store.setup.effective.levels(target.resource.name, target.resource.project)
    own = levels[0][1] if levels else ()
    shown = [
        (tag.key, effective_json(tag, await store.key(grant, tag.key), inherited=tag not in own))
        for tag in merged(levels)
    ]
    return Reply(document=page_of("effectiveTags", shown, asked.page(call)))


async def allowed(store: TagStore, parent: str, verb: str) -> Target:
    """Return a resource once its own permission is granted; absent ones are forbidden."""
    target = await store.target(parent)
    await store.session.authority.require(f"{target.noun}.{verb}", target.resource)
    return target
