"""What officers have decided so far, as one frozen value."""

from __future__ import annotations

import msgspec

from rempart.core.signing.keys import Signatory
from rempart.ekm.administration.statements import EVERYTHING, Proposal
from rempart.ekm.model import pattern
from rempart.ekm.policy.rule import Policy


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal that waits for consents: its exact text, and who has consented."""

    digest: str
    statement: str
    proposal: Proposal
    officers: tuple[str, ...]


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """A block: by whose word, since when, on what."""

    digest: str
    key: str
    officer: str
    time: int
    note: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `basis` is the digest of the last decision, at first the manager's.

    `executing` is the digest of a proposal whose effect has begun and not been seen to end;
    `heard` are blocks that could still be said again, with the second at which they no longer can.
    """

    manager: str
    officers: tuple[Signatory, ...]
    quorum: int
    basis: str
    approvers: tuple[Signatory, ...] = ()
    policy: Policy = Policy()
    blocks: tuple[InForce, ...] = ()
    pending: tuple[Pending, ...] = ()
    executing: str = ""
    heard: tuple[tuple[str, int], ...] = ()

    def blocked(self, key: str) -> InForce | None:
        """Return a block on a key or crypto space, if there is one."""
        for block in self.blocks:
            if block.key == EVERYTHING or pattern.under(block.key, key):
                return block
        return None

    def waiting(self, digest: str) -> Pending | None:
        """Return a pending proposal."""
        return next((pending for pending in self.pending if pending.digest == digest), None)

    def decided(self, pending: Pending) -> bool:
        """Tell whether so many officers have consented that a proposal is a decision."""
        return len(pending.officers) >= self.quorum
