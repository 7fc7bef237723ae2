"""New entries as they come: one answer of a stream, which goes on where the one before ended.

An entry is told a little after it was received, so that none is missed whose write took a moment.
"""

from __future__ import annotations

import re

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import only, strings, text
from rempart.core.errors import invalid, unimplemented
from rempart.core.grant import Grant
from rempart.services.logging.api import reading
from rempart.services.logging.kinds import Json
from rempart.services.logging.query.moments import MICROS, written
from rempart.services.logging.query.parser import parse
from rempart.services.logging.query.tree import Both
from rempart.services.logging.search import Query
from rempart.services.logging.store import LoggingStore

POLLED = "polled"
"""The kind of a call that belongs to a stream (gRPC's door makes them)."""

BEHIND_MICROS = 1_000_000
ENTRIES_MAX = 1000
_CURSOR = re.compile(r"[0-9]{1,18}")


async def tail(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return what was received since the cursor; REST has no streams, here as at Google."""
    if call.kind != POLLED:
        raise unimplemented("logging.entries.tail by REST")
    given = call.document
    only(given, "resourceNames", "filter", "bufferWindow")
    sources = await reading.sources(grant, store, strings(given, "resourceNames"))
    until = store.now - BEHIND_MICROS
    since = _since(call, until)
    span = f'receiveTimestamp>"{written(since * MICROS)}"'
    span += f' receiveTimestamp<="{written(until * MICROS)}"'
    node = Both((parse(span), parse(text(given, "filter"))))
    query = Query(node, newest_first=False, size=ENTRIES_MAX, since=since)
    found, more = await store.search(grant, sources, query)
    shown: Json = {"entries": [one.document for one in found]} if found else {}
    if more:
        shown["suppressionInfo"] = [{"reason": "RATE_LIMIT", "suppressedCount": 1}]
    return Reply(document={**shown, "cursor": str(until)})


def _since(call: Call, until: int) -> Micros:
    cursor = call.query.get("cursor", str(until))
    if not _CURSOR.fullmatch(cursor):
        raise invalid("Invalid cursor.", field="cursor")
    return Micros(int(cursor))
