"""The documents of this API besides the access policies themselves, which the guard reads too."""

from __future__ import annotations

from rempart.services import operations
from rempart.trust.custody.kind import Kind


class Operation(operations.Operation, frozen=True, kw_only=True):
    """What was done in an organization."""

    organization: str


OPERATION: Kind[Operation] = Kind(b"7", Operation)
"""By id; ids begin with the time."""
