"""On what each method's permission is asked."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.document import items, text
from rempart.core.policy import Resource
from rempart.services.logging.model import names
from rempart.services.logging.store import LoggingStore

_NAMED = ("parent", "name", "resource", "sinkName", "metricName", "logName")


def name_of(call: Call) -> str:
    """Return the name in a call's path."""
    return next(call.path[one] for one in _NAMED if one in call.path)


async def container(call: Call, store: LoggingStore) -> Resource:
    """Return the project, folder or organization that the path names or begins with."""
    return await store.resource(name_of(call))


async def view(call: Call, store: LoggingStore) -> Resource:
    """Return the view that the path names."""
    return await store.view_resource(await store.view_name(name_of(call)))


async def writing(call: Call, store: LoggingStore) -> Resource:
    """Return the container of the first entry's log; the others are asked for one by one."""
    first = next(iter(items(call.document, "entries")), {})
    name = text(first, "logName") or text(call.document, "logName")
    return await store.resource(names.log(name)[0])


async def reading(call: Call, store: LoggingStore) -> Resource:
    """Return the first container that is read, for the record; each is asked for on its own."""
    named = call.document.get("resourceNames")
    first = named[0] if isinstance(named, list) and named else ""
    if not isinstance(first, str) or not first.startswith(names.CONTAINERS):
        return Resource(names.UNIVERSE, None)
    return await store.resource(first)


async def nothing(call: Call, store: LoggingStore) -> Resource:
    """Return the universe itself: what is asked about stands in the request."""
    return Resource(names.UNIVERSE, None)
