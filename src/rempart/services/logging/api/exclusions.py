"""Exclusions of a container: what its sink `_Default` leaves out."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.errors import already_exists, not_found
from rempart.core.grant import Grant
from rempart.core.pages import page, page_of
from rempart.services.logging.api.asked import name_of
from rempart.services.logging.api.sinks import with_sink
from rempart.services.logging.kinds import Exclusion, Sink
from rempart.services.logging.model import config, names
from rempart.services.logging.model.routing import DEFAULT, EXCLUSIONS_MAX, quota, sinks
from rempart.services.logging.store import LoggingStore


async def list_(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """List what `_Default` leaves out."""
    container, routing = await store.routed(grant, name_of(call))
    found = sinks(routing, container)[DEFAULT].exclusions
    shown = ((one.name, config.exclusion_json(one)) for one in found)
    return Reply(document=page_of("exclusions", shown, page(call.query)))


async def get(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return an exclusion."""
    container, routing = await store.routed(grant, name_of(call))
    return _reply(_exclusion(call, sinks(routing, container)[DEFAULT]))


async def create(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Let `_Default` leave out what a filter matches."""
    container, routing = await store.routed(grant, name_of(call))
    sink = sinks(routing, container)[DEFAULT]
    new = config.exclusion(call.document, store.now)
    if any(one.name == new.name for one in sink.exclusions):
        raise already_exists(f"Exclusion {new.name} already exists.")
    if len(sink.exclusions) >= EXCLUSIONS_MAX:
        raise quota("exclusions", EXCLUSIONS_MAX)
    sink = replace(sink, exclusions=(*sink.exclusions, new))
    store.put_routing(grant, container, with_sink(routing, sink))
    return _reply(new)


async def patch(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Change an exclusion."""
    container, routing = await store.routed(grant, name_of(call))
    sink = sinks(routing, container)[DEFAULT]
    old = _exclusion(call, sink)
    paths = config.mask(call.query) & {"filter", "description", "disabled"}
    new = config.changed_exclusion(old, call.document, paths, store.now)
    kept = tuple(new if one.name == old.name else one for one in sink.exclusions)
    store.put_routing(grant, container, with_sink(routing, replace(sink, exclusions=kept)))
    return _reply(new)


async def delete(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Delete an exclusion."""
    container, routing = await store.routed(grant, name_of(call))
    sink = sinks(routing, container)[DEFAULT]
    old = _exclusion(call, sink)
    kept = tuple(one for one in sink.exclusions if one.name != old.name)
    store.put_routing(grant, container, with_sink(routing, replace(sink, exclusions=kept)))
    return Reply(document={}, audit={"exclusion": old.name})


def _exclusion(call: Call, sink: Sink) -> Exclusion:
    name = names.last(name_of(call))
    found = next((one for one in sink.exclusions if one.name == name), None)
    if found is None:
        raise not_found(f"Exclusion {name} does not exist.")
    return found


def _reply(one: Exclusion) -> Reply:
    return Reply(document=config.exclusion_json(one), audit={"exclusion": one.name})
