"""What the methods of tags ask of a call: the resource that policy is asked about, and pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rempart.core import pages
from rempart.core.call import Call, Reply
from rempart.core.document import boolean, text
from rempart.core.errors import invalid, required
from rempart.core.grant import Grant
from rempart.core.pages import Page
from rempart.core.policy import Resource
from rempart.services.resourcemanager.tags import model
from rempart.services.resourcemanager.tags.store import TagStore

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 300
Run = Callable[[Grant, Call, TagStore], Awaitable[Reply]]


def name_of(call: Call) -> str:
    """Return the name in the path, whatever Google calls the parameter."""
    return next(call.path[one] for one in ("name", "resource", "parent") if one in call.path)


async def key(call: Call, store: TagStore) -> Resource:
    """Return the key that the path names."""
    return await store.key_resource(name_of(call))


async def value(call: Call, store: TagStore) -> Resource:
    """Return the value that the path names, or whose holds it does."""
    name = name_of(call)
    return await store.value_resource("/".join(name.split("/")[:2]))


async def new_key(call: Call, store: TagStore) -> Resource:
    """Return what a new key is to lie in."""
    return await store.parent_resource(_required(text(call.document, "parent"), "parent"))


async def new_value(call: Call, store: TagStore) -> Resource:
    """Return the key that a new value is to be of."""
    return await store.key_resource(_required(text(call.document, "parent"), "parent"))


async def listed_keys(call: Call, store: TagStore) -> Resource:
    """Return what the keys lie in that are asked for."""
    return await store.parent_resource(_required(call.query.get("parent", ""), "parent"))


async def listed_values(call: Call, store: TagStore) -> Resource:
    """Return the key whose values are asked for."""
    return await store.key_resource(_required(call.query.get("parent", ""), "parent"))


async def namespaced_key(call: Call, store: TagStore) -> Resource:
    """Return the key of a namespaced name; one that is not there is forbidden."""
    return await store.key_resource(await _namespaced(call, store, 2) or "tagKeys/0")


async def namespaced_value(call: Call, store: TagStore) -> Resource:
    """Return the value of a namespaced name; one that is not there is forbidden."""
    return await store.value_resource(await _namespaced(call, store, 3) or "tagValues/0")


async def _namespaced(call: Call, store: TagStore, parts: int) -> str:
    name = _required(call.query.get("name", ""), "name")
    if name.count("/") != parts - 1:
        message = f"{name[:200]!r} is no namespaced name of {parts} parts."
        raise invalid(message, field="name")
    return await store.named(name)


async def bound_value(call: Call, store: TagStore) -> Resource:
    """Return the value that is to be bound, by its name or its namespaced name."""
    return await store.value_resource(await value_to_bind(call, store))


async def value_to_bind(call: Call, store: TagStore) -> str:
    """Return the name of the value that is to be bound."""
    name = text(call.document, "tagValue")
    namespaced = text(call.document, "tagValueNamespacedName")
    if bool(name) == bool(namespaced):
        message = "Either tagValue or tagValueNamespacedName is required."
        raise invalid(message, field="tagValue", reason="required")
    return name or await store.named(namespaced) or "tagValues/0"


async def unbound_value(call: Call, store: TagStore) -> Resource:
    """Return the value whose binding the path names."""
    return await store.value_resource(model.binding(name_of(call))[1])


async def bound_target(call: Call, store: TagStore) -> Resource:
    """Return the resource whose tags are asked for."""
    return (await store.target(parent_of(call))).resource


def parent_of(call: Call) -> str:
    """Return the full resource name in the query."""
    return _required(call.query.get("parent", ""), "parent")


def _required(found: str, field: str) -> str:
    if not found:
        raise required(f"{field} is required.", field=field)
    return found


def rehearse(call: Call, store: TagStore) -> None:
    """Write nothing where only a validation is asked for."""
    store.dry = boolean(call.query, "validateOnly")


def page(call: Call) -> Page:
    """Return the page that is asked for, in the sizes that tags have."""
    return pages.page(call.query, default=PAGE_SIZE_DEFAULT, most=PAGE_SIZE_MAX)
