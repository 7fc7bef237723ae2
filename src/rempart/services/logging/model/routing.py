"""Where an entry goes: the sinks of its container, and of those above that include it.

Source: "Routing and storage overview" of Cloud Logging. The two sinks that every container has are
not stored until somebody changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rempart.core.errors import CloudError, invalid
from rempart.services.logging.kinds import Routing, Sink
from rempart.services.logging.model.destination import log_bucket
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.query.evaluate import mask, rows
from rempart.services.logging.query.parser import parse
from rempart.services.logging.query.table import Documents, Table

DEFAULT, REQUIRED = "_Default", "_Required"
ALWAYS = frozenset((DEFAULT, REQUIRED))
GLOBAL = "global"
SINKS_MAX = 200
EXCLUSIONS_MAX = 50
_KEPT_400_DAYS = ("activity", "system_event", "access_transparency")
_REQUIRED_LOGS = tuple(
    f"{domain}.googleapis.com/{log}"
    for log in _KEPT_400_DAYS
    for domain in ("cloudaudit", "externalaudit")
)
REQUIRED_FILTER = " OR ".join(f'LOG_ID("{log}")' for log in _REQUIRED_LOGS)
DEFAULT_FILTER = " AND ".join(f'NOT LOG_ID("{log}")' for log in _REQUIRED_LOGS)


@dataclass(frozen=True, slots=True)
class Route:
    """A sink and the container that it belongs to."""

    container: str
    sink: Sink


def sinks(routing: Routing, container: str) -> dict[str, Sink]:
    """Return the sinks of a container, with the two that it always has."""

    def own(name: str, filter_: str) -> Sink:
        target = BucketName(container, GLOBAL, name)
        return Sink(name=name, destination=log_bucket(target), filter=filter_)

    always = {REQUIRED: own(REQUIRED, REQUIRED_FILTER), DEFAULT: own(DEFAULT, DEFAULT_FILTER)}
    return {**always, **routing.sinks}


def takes(sink: Sink, table: Table) -> int:
    """Return as a mask which entries of a table a sink takes."""
    if sink.disabled:
        return 0
    taken = mask(parse(sink.filter), table)
    for one in sink.exclusions:
        if taken and not one.disabled:
            taken &= ~mask(parse(one.filter), table)
    return taken


def routes(
    chain: list[tuple[str, Routing]], entries: Sequence[Entry]
) -> list[tuple[Route, list[Entry]]]:
    """Return the sinks that take entries of a container, each with those, sorted by time.

    `chain` is the container and what lies above, upwards. A sink above that intercepts stops those
    below it, but for `_Required`.
    """
    ordered = sorted(entries, key=lambda one: one.time)
    table = Documents([one.time for one in ordered], [one.document for one in ordered])
    found = list[tuple[Route, int]]()
    for depth, (container, routing) in enumerate(chain):
        for sink in sinks(routing, container).values():
            taken = takes(sink, table) if depth == 0 or sink.include_children else 0
            if depth and sink.intercept_children:
                found = [
                    (one, at if one.sink.name == REQUIRED else at & ~taken) for one, at in found
                ]
            found.append((Route(container, sink), taken))
    return [
        (one, [ordered[at] for at in rows(taken, len(ordered))]) for one, taken in found if taken
    ]


def written_by(entry: Entry, member: str) -> bool:
    """Tell whether an audit log tells of an act of somebody."""
    payload = entry.document.get("protoPayload")
    who = payload.get("authenticationInfo") if isinstance(payload, dict) else None
    return isinstance(who, dict) and who.get("principalSubject") == member


def quota(noun: str, most: int) -> CloudError:
    """Return the refusal of one more than there may be."""
    return invalid(f"There are at most {most} {noun} here.", field=noun)
