"""Sinks of a container."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.errors import already_exists, invalid, not_found, unsupported
from rempart.core.grant import Grant
from rempart.core.pages import page, page_of
from rempart.services.logging.api.asked import name_of
from rempart.services.logging.kinds import Json, Routing, Sink
from rempart.services.logging.model import config, names
from rempart.services.logging.model.destination import Collector, check_collector, destination
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.routing import (
    ALWAYS,
    DEFAULT,
    SINKS_MAX,
    quota,
    sinks,
)
from rempart.services.logging.store import LoggingStore

_UPDATED = ("destination", "filter", "includeChildren")
"""What an update without a mask replaces, as at Google."""


async def list_(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """List the sinks of a container."""
    if call.query.get("filter"):
        raise unsupported("A filter of sinks", field="filter")
    container, routing = await store.routed(grant, name_of(call))
    found = sinks(routing, container).values()
    shown = ((one.name, _shown(container, one)) for one in found)
    return Reply(document=page_of("sinks", shown, page(call.query)))


async def get(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return a sink."""
    container, routing = await store.routed(grant, name_of(call))
    return _reply(container, _sink(call, container, routing))


async def create(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Make a sink."""
    container, routing = await store.routed(grant, name_of(call))
    _check_writer(call)
    sink = config.new_sink(call.document, await store.writer(grant, container), store.now)
    every = sinks(routing, container)
    if sink.name in every:
        raise already_exists(f"Sink {sink.name} already exists.")
    if len(every) >= SINKS_MAX:
        raise quota("sinks", SINKS_MAX)
    sink = _fitting(sink, container, store)
    store.put_routing(grant, container, with_sink(routing, sink))
    return _reply(container, sink)


async def update(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Change a sink."""
    container, routing = await store.routed(grant, name_of(call))
    _check_writer(call)
    old = replace(_sink(call, container, routing), writer=await store.writer(grant, container))
    paths = config.mask(call.query, *_UPDATED)
    sink = config.changed_sink(old, call.document, paths, store.now)
    sink = _fitting(sink, container, store)
    store.put_routing(grant, container, with_sink(routing, sink))
    return _reply(container, sink)


async def delete(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Delete a sink; the two that a container always has stay."""
    container, routing = await store.routed(grant, name_of(call))
    sink = _sink(call, container, routing)
    if sink.name in ALWAYS:
        message = f"The sink {sink.name} cannot be deleted; {DEFAULT} can be disabled."
        raise invalid(message, field="sinkName")
    kept = {name: one for name, one in routing.sinks.items() if name != sink.name}
    store.put_routing(grant, container, replace(routing, sinks=kept))
    return Reply(document={}, audit={"sink": sink.name})


def with_sink(routing: Routing, sink: Sink) -> Routing:
    """Return a routing with a sink added or replaced."""
    return replace(routing, sinks={**routing.sinks, sink.name: sink})


def _fitting(sink: Sink, container: str, store: LoggingStore) -> Sink:
    """Return a sink that fits where it is; where nobody is asked it needs no identity."""
    if (sink.include_children or sink.intercept_children) and container.startswith("projects/"):
        raise invalid("A project has no children to include.", field="includeChildren")
    target = destination(sink.destination)
    check_collector(target, container, store.setup.collectors)
    inside = isinstance(target, BucketName) and target.container == container
    return replace(sink, writer="") if inside or isinstance(target, Collector) else sink


def _check_writer(call: Call) -> None:
    if call.query.get("customWriterIdentity"):
        raise unsupported("A writer identity of one's own", field="customWriterIdentity")


def _sink(call: Call, container: str, routing: Routing) -> Sink:
    name = names.last(name_of(call))
    found = sinks(routing, container).get(name)
    if found is None:
        raise not_found(f"Sink {name} does not exist.")
    return found


def _shown(container: str, sink: Sink) -> Json:
    return {**config.sink_json(sink), "resourceName": f"{container}/sinks/{sink.name}"}


def _reply(container: str, sink: Sink) -> Reply:
    return Reply(document=_shown(container, sink), audit={"sink": sink.name})
