"""The fields that a filter may name: those of LogEntry, by either of Google's spellings.

What lies within labels and payloads is named as it was written.
"""

from __future__ import annotations

from rempart.core.document import camel
from rempart.services.logging.query.errors import unparseable
from rempart.services.logging.query.tree import Path

_ALONE = frozenset(
    (
        *("logName", "timestamp", "receiveTimestamp", "severity", "insertId", "textPayload"),
        *("trace", "spanId", "traceSampled"),
    )
)
_OPEN = frozenset(("jsonPayload", "labels", "metadata"))
_MESSAGES = frozenset(
    (
        *("resource", "protoPayload", "httpRequest", "operation", "sourceLocation", "split"),
        *("errorGroups", "apphub", "apphubDestination", "apphubSource", "otel"),
    )
)
_FREE = frozenset(("labels", "request", "response", "metadata", "serviceData", "userLabels"))
"""What within a message is a map or structure: the names in it are the writer's own."""


def resolved(path: Path) -> Path:
    """Return a field's path as entries have it; raises `invalid` for what no entry has."""
    if not all(path):
        raise unparseable(f"the field path {'.'.join(path)[:200]!r} has an empty part")
    top = camel(path[0])
    if top in _OPEN:
        return (top, *path[1:])
    if top in _ALONE and len(path) == 1:
        return (top,)
    if top not in _MESSAGES:
        raise unparseable(f"Field not found: '{'.'.join(path)[:200]}'.")
    made = [top]
    for at, part in enumerate(path[1:], start=1):
        made.append(camel(part))
        if made[-1] in _FREE:
            return (*made, *path[at + 1 :])
    return tuple(made)
