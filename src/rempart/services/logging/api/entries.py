"""Writing entries and reading them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from rempart.core.call import Call, Reply
from rempart.core.document import (
    Document,
    boolean,
    integer,
    items,
    only,
    pairs,
    section,
    strings,
    text,
)
from rempart.core.errors import CloudError, invalid, required
from rempart.core.grant import Grant
from rempart.core.pages import paged, token
from rempart.services.logging.api import reading
from rempart.services.logging.model import entry, names
from rempart.services.logging.model.entry import Defaults, Entry
from rempart.services.logging.query.parser import parse
from rempart.services.logging.search import Query
from rempart.services.logging.store import LoggingStore

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1000
ENTRIES_MAX = 10_000
"""Of one request; its bytes are limited by the doors (docs/audit-logs.md)."""

_CREATE = "logging.logEntries.create"
_NEWEST_FIRST = {"": False, "timestamp": False, "timestamp asc": False, "timestamp desc": True}
_PARTIAL = "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors"


async def write(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Write entries, all of them, or with `partialSuccess` those that are right."""
    given = call.document
    only(given, "logName", "resource", "labels", "entries", "partialSuccess", "dryRun")
    found = _given(given)
    made, wrong = await _made(call, store, found)
    if wrong and not boolean(given, "partialSuccess"):
        at, problem = next(iter(wrong.items()))
        problem.message = f"Log entry with index {at}: {problem.message}"
        raise problem
    for container in made:
        if container != grant.resource.name:
            await store.session.authority.require(_CREATE, await store.resource(container))
    dry = boolean(given, "dryRun")
    if wrong:
        if made and not dry:
            await store.write_at_once(grant, made)
        raise _partial(wrong, len(found))
    if not dry:
        await store.write(grant, made)
    return Reply(document={}, audit={"entries": str(len(found))})


def _given(given: Document) -> Sequence[Document]:
    found = items(given, "entries")
    if not found:
        raise required("The request has no entries.", field="entries")
    if len(found) > ENTRIES_MAX:
        raise invalid(f"A request has at most {ENTRIES_MAX} entries.", field="entries")
    return found


async def _made(
    call: Call, store: LoggingStore, found: Sequence[Document]
) -> tuple[dict[str, list[Entry]], dict[int, CloudError]]:
    """Return the entries by container, and what is wrong with those that cannot be written."""
    given = call.document
    defaults = Defaults(
        log_name=text(given, "logName"),
        resource=section(given, "resource"),
        labels=pairs(given, "labels"),
    )
    made: defaultdict[str, list[Entry]] = defaultdict(list)
    wrong: dict[int, CloudError] = {}
    for at, one in enumerate(found):
        try:
            new = entry.entry(one, defaults, store.now, store.insert_id(at))
            named, log_id = names.log(str(new.document["logName"]))
            entry.check_author(log_id)
        except CloudError as problem:
            wrong[at] = problem
            continue
        container = await store.container(named)
        made[container].append(_in(container, log_id, new))
    return dict(made), wrong


def _in(container: str, log_id: str, new: Entry) -> Entry:
    """Return an entry with its container's own name, and with the label that follows from it."""
    document = {**new.document, "logName": f"{container}/logs/{log_id}"}
    resource, (noun, _, id_) = new.document["resource"], container.partition("/")
    if noun == "projects" and isinstance(resource, dict):
        labels = {"project_id": id_, **resource["labels"]}
        document["resource"] = {"type": resource["type"], "labels": labels}
    return Entry(new.time, document)


def _partial(wrong: dict[int, CloudError], count: int) -> CloudError:
    errors = {str(at): {"code": one.code.grpc, "message": one.message} for at, one in wrong.items()}
    first = next(iter(wrong.values()))
    message = f"{len(wrong)} of {count} log entries were not written: {first.message}"
    refused = CloudError(first.code, message, reason=first.reason, field=first.field)
    return refused.with_details({"@type": _PARTIAL, "logEntryErrors": errors})


async def list_(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return a page of the entries that a filter matches, oldest first unless asked otherwise."""
    given = call.document
    only(given, "resourceNames", "projectIds", "filter", "orderBy", "pageSize", "pageToken")
    wanted = strings(given, "resourceNames")
    wanted = [*wanted, *(f"projects/{one}" for one in strings(given, "projectIds"))]
    sources = await reading.sources(grant, store, wanted)
    query, search = _query(given, wanted)
    found, more = await store.search(grant, sources, query)
    following = token(msgspec.json.encode((search, *found[-1].key))) if more else ""
    return Reply(document=paged("entries", [one.document for one in found], following))


def _query(given: Document, wanted: list[str]) -> tuple[Query, str]:
    """Return what is asked, and what tells that search from others."""
    filter_, order = text(given, "filter"), " ".join(text(given, "orderBy").split())
    if order not in _NEWEST_FIRST:
        raise invalid("orderBy is timestamp asc or timestamp desc.", field="orderBy")
    size = integer(given, "pageSize") or PAGE_SIZE_DEFAULT
    if size < 0:
        raise invalid("pageSize must not be negative.", field="pageSize")
    search = reading.search_of(wanted, filter_, order)
    query = Query(
        parse(filter_),
        newest_first=_NEWEST_FIRST[order],
        size=min(size, PAGE_SIZE_MAX),
        after=reading.after(text(given, "pageToken"), search),
    )
    return query, search
