"""Logs: which there are, and deleting one; and the types of resources that entries come from."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.core.pages import page, page_of
from rempart.services.logging.api import asked, reading
from rempart.services.logging.model import entry, names
from rempart.services.logging.model.config import NOT_PRIVATE
from rempart.services.logging.model.resource_types import DESCRIPTORS
from rempart.services.logging.query.evaluate import matches
from rempart.services.logging.query.parser import parse
from rempart.services.logging.store import LoggingStore, active
from rempart.trust.policy.refusals import nobody

DELETED_LOGS_MAX = 1000


async def list_(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """List the logs of a container, or those that a view shows, that have entries."""
    if grant.principal.anonymous:
        raise nobody()
    parent = asked.name_of(call)
    wanted = [one for one in call.query.get("resourceNames", "").split("\n") if one] or [parent]
    found: set[str] = set()
    for name in wanted:
        found |= await (_of_view if "/views/" in name else _of_container)(grant, store, name)
    shown = ((name, name) for name in found)
    return Reply(document=page_of("logNames", shown, page(call.query, default=50)))


async def _of_container(grant: Grant, store: LoggingStore, name: str) -> set[str]:
    container = await store.container(name, "resourceNames")
    resource = await store.resource(container)
    authority = store.session.authority
    await authority.require("logging.logs.list", resource)
    buckets = active(await store.buckets(grant, container))
    found = await store.logs(grant, buckets)
    own = {log for log in found if log.startswith(f"{container}/logs/")}
    if await authority.allows(reading.PRIVATE, resource):
        return own
    return _shown(own, NOT_PRIVATE)


async def _of_view(grant: Grant, store: LoggingStore, text: str) -> set[str]:
    name = await store.view_name(text, "resourceNames")
    resource = await store.view_resource(name)
    await store.session.authority.require("logging.views.listLogs", resource)
    view = await store.view(grant, name)
    return _shown(await store.logs(grant, [name.bucket]), view.filter)


def _shown(found: Iterable[str], filter_: str) -> set[str]:
    node = parse(filter_)
    return {log for log in found if matches(node, {"logName": log})}


async def delete(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Delete what a log has in `_Default`: nobody sees it from now on; its bytes go as they age.

    Audit logs cannot be deleted.
    """
    above, log_id = names.log(asked.name_of(call))
    entry.check_author(log_id)
    container = await store.container(above)
    name = f"{container}/logs/{log_id}"
    routing = await store.routing(grant, container)
    deleted = {**routing.deleted, name: store.now}
    if len(deleted) > DELETED_LOGS_MAX:
        message = f"At most {DELETED_LOGS_MAX} logs of a container can be deleted by name."
        raise invalid(message, field="logName")
    store.put_routing(grant, container, replace(routing, deleted=deleted))
    return Reply(document={}, audit={"log": name})


async def descriptors(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """List the types of resources that this universe writes entries about."""
    if grant.principal.anonymous:
        raise nobody()
    every = ((str(one["type"]), one) for one in DESCRIPTORS)
    return Reply(document=page_of("resourceDescriptors", every, page(call.query, default=50)))
