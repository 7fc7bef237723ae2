"""Objects of Cloud Storage that a sink writes: their names and content.

Source: "View logs in Cloud Storage": LOG/YYYY/MM/DD/FIRST_LAST_SHARD.json, an entry to a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec

from rempart.services.logging.model.entry import Entry
from rempart.services.logging.query.moments import MICROS

_SECOND = 1_000_000 * MICROS


def object_name(log: str, entries: Sequence[Entry], salt: str) -> str:
    """Return the name of the object of some entries, in the order of time; a retry has the same."""
    first, last = (_moment(entries[at].time) for at in (0, -1))
    id_ = unquote(log.partition("/logs/")[2])
    folder = "/".join(map(_segment, id_.split("/")))
    return f"{folder}/{first:%Y/%m/%d}/{first:%H:%M:%S}_{last:%H:%M:%S}_S{salt}.json"


def object_content(entries: Sequence[Entry]) -> bytes:
    """Return the entries as lines of JSON."""
    return b"".join(msgspec.json.encode(one.document) + b"\n" for one in entries)


def _segment(text: str) -> str:
    """Return a part of a log's id as one of a name: nobody's log leads out of its folder."""
    return f"%2E{text[1:]}" if text.startswith(".") else text


def _moment(nanos: int) -> datetime:
    return datetime.fromtimestamp(nanos // _SECOND, UTC)
