"""Cloud Logging's documents: segments of entries, log buckets, and how a container routes.

A segment is immutable. Small ones hold their entries; of others the columns and the entries lie
apart, so that a search opens only what it reads.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from rempart.core.clock import Micros
from rempart.core.policy import Policy
from rempart.trust.custody.kind import Kind

Json = dict[str, object]


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of one log bucket, sorted by time.

    `size` is the length of their JSON; `first` and `last` are timestamps in nanoseconds, `received`
    the newest time of receipt in microseconds. `logs` and `severities` are those that occur.
    `entries` is their JSON, one to a line, where the segment is small; else it lies in `BODIES` and
    `COLUMNS` under the same key.
    """

    count: int
    size: int
    first: int
    last: int
    received: Micros
    logs: list[str]
    severities: list[str]
    entries: bytes = b""


class Columns(msgspec.Struct, frozen=True):
    """The columns of a segment: timestamps as 8-byte numbers, each column as MessagePack."""

    times: bytes
    columns: dict[str, bytes]


class Bodies(msgspec.Struct, frozen=True):
    """The entries of a segment: blocks of their JSON, one to a line, each compressed."""

    blocks: list[bytes]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a log bucket that may be shown to some who may not see it all."""

    filter: str = ""
    description: str = ""
    created: Micros | None = None
    updated: Micros | None = None
    policy: Policy = msgspec.field(default_factory=Policy)


class State(Enum):
    """Whether a log bucket is in use; a deleted one waits for a week."""

    ACTIVE = "ACTIVE"
    DELETE_REQUESTED = "DELETE_REQUESTED"


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A log bucket; the two that every container has are stored once somebody changes them."""

    description: str = ""
    retention_days: int
    locked: bool = False
    created: Micros | None = None
    updated: Micros | None = None
    state: State = State.ACTIVE
    restricted: tuple[str, ...] = ()
    views: dict[str, View] = {}


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that a sink leaves out."""

    name: str
    filter: str
    description: str = ""
    disabled: bool = False
    created: Micros | None = None
    updated: Micros | None = None


class Sink(msgspec.Struct, frozen=True, kw_only=True):
    """Where entries go besides: `writer` is the identity that writes there, as a member."""

    name: str
    destination: str
    filter: str = ""
    description: str = ""
    disabled: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    writer: str = ""
    include_children: bool = False
    intercept_children: bool = False
    created: Micros | None = None
    updated: Micros | None = None


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A log-based metric: its definition as it was given."""

    name: str
    filter: str
    description: str = ""
    disabled: bool = False
    bucket: str = ""
    given: Json = {}
    created: Micros
    updated: Micros


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """How the entries of a container are routed: one document, so that a write reads one.

    `deleted` says up to which time of receipt the entries of a log are deleted from `_Default`.
    """

    sinks: dict[str, Sink] = {}
    metrics: dict[str, Metric] = {}
    deleted: dict[str, Micros] = {}


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that a sink is to take out of the logs: compressed lines of their JSON.

    `log` is set once they make up one object of Cloud Storage: the name of their log.
    """

    count: int
    size: int
    entries: bytes
    log: str = ""


class Cursor(msgspec.Struct, frozen=True):
    """Up to which entry a feed has been read."""

    index: int = 0


SEGMENT: Kind[Segment] = Kind(b"(", Segment)
"""By container, location, bucket, the time of writing, and a salt."""

COLUMNS: Kind[Columns] = Kind(b")", Columns)
BODIES: Kind[Bodies] = Kind(b"*", Bodies)
BUCKET: Kind[Bucket] = Kind(b"+", Bucket, hot=4096)
"""By container, location and id."""

ROUTING: Kind[Routing] = Kind(b",", Routing, hot=4096)
"""By container."""

CURSOR: Kind[Cursor] = Kind(b"-", Cursor)
"""By feed."""

WAITING: Kind[Waiting] = Kind(b"%", Waiting)
"""By container, sink, the time of writing, and a salt."""
