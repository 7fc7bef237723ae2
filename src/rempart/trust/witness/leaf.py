"""The entries of the audit feed.

An effect outside a transaction (a body that is streamed to the disk) is preceded by a durable
`intent`; every change of a document carries its `outcome` in the same commit. So there is no change
without an entry, and no entry of success without its change (docs/spec/feed.md).
"""

from __future__ import annotations

import msgspec

FEED = "audit"


class Leaf(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry: who did what to which resource, when, from where, and how it ended.

    `time` is in microseconds since 1970, UTC. `intent` is the feed index of the intent that this
    outcome ends, where there was one. `facts` are the method's own words: generation, size, key.
    """

    kind: str
    time: int
    request: str
    method: str
    permission: str
    principal: str
    resource: str
    remote: str
    status: int = 0
    intent: int | None = None
    facts: dict[str, str] = msgspec.field(default_factory=dict)


INTENT = "intent"
OUTCOME = "outcome"

encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Leaf)


def decode(content: bytes) -> Leaf:
    """Return the leaf of an opened entry; raises `msgspec.DecodeError`."""
    return _decoder.decode(content)
