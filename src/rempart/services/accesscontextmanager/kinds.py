"""The documents of this API besides the access policies themselves, which the guard reads too."""

from __future__ import annotations

import msgspec

from rempart.trust.custody.sealed import Kind


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, in an organization; `metadata` and `response` as JSON shows them."""

    organization: str
    created: int
    metadata: dict[str, object]
    response: dict[str, object]


OPERATION: Kind[Operation] = Kind(b"7", Operation)
"""By id; ids begin with the time."""
