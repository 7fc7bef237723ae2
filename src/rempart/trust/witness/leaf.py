"""The entries of the audit feed.

An effect outside a transaction (a body that is streamed to the disk) is preceded by a durable
`intent`; every change of a document carries its `outcome` in the same commit. So there is no change
without an entry, and no entry of success without its change (docs/spec/feed.md).
"""

from __future__ import annotations

import msgspec

from rempart.core.call import Call

FEED = "audit"
AGENT_CHARS_MAX = 200
MESSAGE_CHARS_MAX = 300


class Leaf(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One entry: who did what to which resource, when, from where, why, and how it ended.

    `time` is in microseconds since 1970, UTC. `intent` is the feed index of the intent that this
    outcome ends, where there was one. `facts` are the method's own words: generation, size, key.

    `service` is the API (`storage`), `access` Google's log type; `container` the project, folder or
    organization whose entry it is (`projects/P`), empty for the universe's own. `acting` are those
    who act as the principal, outermost first. `agent` is the client's name for itself, `message`
    what a refused caller was told, `reason` why access was had (an AccessReason), `approval` the
    Access Approval request that allowed it, and `key` the versions of keys that were used,
    joined by blanks.
    """

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


INTENT = "intent"
OUTCOME = "outcome"
USE = "use"
"""A read of data, or a use of a key: nothing was changed."""
REFUSAL = "refusal"
EVENT = "event"
"""What the universe or its operator did, outside any call."""

SUPPORT = "support"
"""A call of the operator's staff that an approval let in; what comes of it is told apart."""

KINDS = frozenset((INTENT, OUTCOME, USE, REFUSAL, EVENT, SUPPORT))

encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Leaf)


def decode(content: bytes) -> Leaf:
    """Return the leaf of an opened entry; raises `msgspec.DecodeError`."""
    return _decoder.decode(content)


def told(message: str) -> str:
    """Return what somebody was told, cut at `MESSAGE_CHARS_MAX`."""
    return message[:MESSAGE_CHARS_MAX]


def agent_of(call: Call) -> str:
    """Return what a client calls itself, cut at `AGENT_CHARS_MAX`."""
    return call.headers.get("user-agent", "")[:AGENT_CHARS_MAX]
