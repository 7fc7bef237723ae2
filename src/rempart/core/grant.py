"""The right to do one thing to one resource: what every function that touches data asks for."""

from __future__ import annotations

import msgspec

from rempart.core.clock import Micros
from rempart.core.names import ResourceName
from rempart.core.principal import Principal


class Approved(msgspec.Struct, frozen=True, gc=False):
    """The approval by which somebody of the operator's staff acts for a customer.

    `container` and `id` make up its `name`. `evidence` has the approvers' signed words, joined by
    `~` (docs/spec/approval.md), `approvers` how many of the customer's gave it. Where `officers` of
    the operator's let it pass instead, glass was broken.
    """

    container: str
    id: str
    name: str
    reason: str
    evidence: str = ""
    approvers: int = 0
    officers: int = 0

    @property
    def broken(self) -> bool:
        """Tell whether glass was broken: nobody of the customer's agreed."""
        return self.officers > 0


class Grant(msgspec.Struct, frozen=True, gc=False):
    """Proof that policy was asked and agreed. Built in `trust/policy/decision.py` alone.

    Python cannot make it unforgeable; a test holds the tree to that one place
    (docs/adr/0005-pass-grants.md). `approval` is the name of the approval under which staff of the
    operator's act, `reason` why, `evidence` what its approvers signed; empty for everyone else.
    """

    principal: Principal
    permission: str
    resource: ResourceName
    time: Micros
    approval: str = ""
    reason: str = ""
    evidence: str = ""
