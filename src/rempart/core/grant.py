"""The right to do one thing to one resource: what every function that touches data asks for."""

from __future__ import annotations

import msgspec

from rempart.core.clock import Micros
from rempart.core.names import ResourceName
from rempart.core.principal import Principal


class Approved(msgspec.Struct, frozen=True, gc=False):
    """The approval by which somebody of the operator's staff acts for a customer.

    `container` and `id` make up its `name`. `evidence` has the approvers' signed words, joined by
    `~` (docs/spec/approval.md). `broken` tells that the operator's officers let it pass, nobody of
    the customer's.
    """

    container: str
    id: str
    name: str
    reason: str
    evidence: str = ""
    approvers: int = 0
    broken: bool = False


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
