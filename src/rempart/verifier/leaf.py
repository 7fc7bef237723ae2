"""What an opened entry says, as far as checks and reports read it; more members are left alone."""

from __future__ import annotations

import msgspec

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that are not the document that was looked for."""

INTENT, OUTCOME = "intent", "outcome"
PRUNED = frozenset(("use", "refusal"))
"""The kinds of which the contents are removed after their retention."""

LISTS = frozenset(
    f"transparency.{parent}.openings.list" for parent in ("projects", "folders", "organizations")
)
PROJECT_LISTS = "transparency.projects.openings.list"


class Leaf(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry (docs/spec/feed.md); `time` is in microseconds since 1970, UTC."""

    kind: str
    time: int
    request: str
    method: str
    permission: str = ""
    principal: str = ""
    resource: str = ""
    remote: str = ""
    status: int = 0
    intent: int | None = None
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    service: str = ""
    access: str = ""
    container: str = ""
    acting: tuple[str, ...] = ()
    agent: str = ""
    message: str = ""
    reason: str = ""
    approval: str = ""
    key: str = ""


decode = msgspec.json.Decoder(Leaf).decode
"""Return the leaf of a text; raises one of `NOT_JSON`."""
