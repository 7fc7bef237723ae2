"""The right to do one thing to one resource: what every function that touches data asks for."""

from __future__ import annotations

import msgspec

from rempart.core.clock import Micros
from rempart.core.names import ResourceName
from rempart.core.principal import Principal


class Grant(msgspec.Struct, frozen=True, gc=False):
    """Proof that policy was asked and agreed. Built in `trust/policy/decision.py` alone.

    Python cannot make it unforgeable; a test holds the tree to that one place
    (docs/adr/0005-pass-grants.md).
    """

    principal: Principal
    permission: str
    resource: ResourceName
    time: Micros
