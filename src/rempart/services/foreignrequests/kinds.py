"""The documents of the register."""

from __future__ import annotations

import msgspec

from rempart.services.foreignrequests.model.assessment import Assessment
from rempart.services.foreignrequests.model.order import Order
from rempart.trust.custody.kind import Kind


class Due(msgspec.Struct, frozen=True):
    """That an order's customers are to be told when the time in its key has come."""


ORDER: Kind[Order] = Kind(b"@", Order)
"""By id; ids begin with the time, the newest first."""

DUE: Kind[Due] = Kind(b"[", Due)
"""By (time, id), as long as an order is sealed."""

ASSESSMENT: Kind[Assessment] = Kind(b"]", Assessment)
"""The newest of each order, by its id."""
