"""What of the logs a caller may read: the log buckets of containers, and views."""

from __future__ import annotations

import hashlib

import msgspec

from rempart.core.errors import invalid, required
from rempart.core.grant import Grant
from rempart.core.pages import page
from rempart.services.logging.kinds import Routing
from rempart.services.logging.model import config, names
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.routing import DEFAULT
from rempart.services.logging.query.moments import MICROS, written
from rempart.services.logging.query.parser import parse
from rempart.services.logging.query.tree import Both, Compared, Node, Scalar, Test
from rempart.services.logging.search import Place, Source
from rempart.services.logging.store import LoggingStore, active
from rempart.trust.policy.refusals import nobody

RESOURCES_MAX = 100
LIST = "logging.logEntries.list"
PRIVATE = "logging.privateLogEntries.list"
VIEW = "logging.views.access"
_SEARCH_CHARS = 18
_LOG_NAME = ("logName",)


async def sources(grant: Grant, store: LoggingStore, wanted: list[str]) -> list[Source]:
    """Return what is read for some containers and views, each of which the caller may read."""
    if grant.principal.anonymous:
        raise nobody()
    if not wanted:
        raise required("resourceNames names at least one container or view.", field="resourceNames")
    if len(wanted) > RESOURCES_MAX:
        raise invalid(f"resourceNames has at most {RESOURCES_MAX} names.", field="resourceNames")
    found: list[Source] = []
    for name in dict.fromkeys(wanted):
        found += await (_view if "/views/" in name else _container)(grant, store, name)
    return found


async def _container(grant: Grant, store: LoggingStore, name: str) -> list[Source]:
    """Return the buckets of a container; of them, the entries of its own logs."""
    if names.container(name, "resourceNames") != name:
        raise invalid(f"{name[:200]!r} is neither a container nor a view.", field="resourceNames")
    container = await store.container(name, "resourceNames")
    resource = await store.resource(container)
    authority = store.session.authority
    await authority.require(LIST, resource)
    visible: tuple[Node, ...] = (_own(container),)
    if not await authority.allows(PRIVATE, resource):
        visible += (parse(config.NOT_PRIVATE),)
    routing = await store.routing(grant, container)
    buckets = active(await store.buckets(grant, container))
    return [Source(one, Both((*visible, *_deleted(one, routing)))) for one in buckets]


async def _view(grant: Grant, store: LoggingStore, text: str) -> list[Source]:
    """Return what a view shows of its bucket."""
    name = await store.view_name(text, "resourceNames")
    await store.session.authority.require(VIEW, await store.view_resource(name))
    view = await store.view(grant, name)
    config.in_use(await store.bucket(grant, name.bucket))
    deleted = _deleted(name.bucket, await store.routing(grant, name.bucket.container))
    return [Source(name.bucket, Both((parse(view.filter), *deleted)))]


def _own(container: str) -> Node:
    prefix = f"{container}/logs/"

    def test(values: tuple[Scalar, ...]) -> bool:
        return any(str(one).startswith(prefix) for one in values)

    return Compared(_LOG_NAME, Test(test))


def _deleted(bucket: BucketName, routing: Routing) -> tuple[Node, ...]:
    """Return what hides the entries of logs that were deleted from a bucket."""
    if bucket.id != DEFAULT:
        return ()
    return tuple(
        parse(f'NOT (logName="{log}" receiveTimestamp<="{written(until * MICROS)}")')
        for log, until in routing.deleted.items()
    )


def search_of(wanted: list[str], filter_: str, order: str) -> str:
    """Return what tells one search from another, for the tokens of its pages."""
    content = msgspec.json.encode((sorted(wanted), filter_, order))
    return hashlib.sha256(content).hexdigest()[:_SEARCH_CHARS]


def after(given: str, search: str) -> Place | None:
    """Return after which entry a page begins; raises `invalid` for another search's token."""
    if not given:
        return None
    content = page({"pageToken": given}).after
    try:
        of, time, insert_id, log = msgspec.json.decode(content, type=tuple[str, int, str, str])
    except msgspec.DecodeError as problem:
        raise invalid("Invalid value for 'pageToken'.", field="pageToken") from problem
    if of != search:
        message = "The pageToken is of another search: filter, orderBy or resourceNames differ."
        raise invalid(message, field="pageToken")
    return time, insert_id, log
