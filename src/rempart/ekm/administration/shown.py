"""The state as an officer is shown it, in JSON."""

from __future__ import annotations

import hashlib

import msgspec

from rempart.core.clock import Micros, rfc3339
from rempart.core.signing.keys import Signatory
from rempart.ekm.administration.state import InForce, Pending, State

Document = dict[str, object]


def shown(state: State) -> Document:
    """Return everything that officers have decided and what waits for them."""
    return {
        "manager": state.manager,
        "basis": state.basis,
        "quorum": state.quorum,
        "officers": [_person(officer) for officer in state.officers],
        "approvers": [_person(approver) for approver in state.approvers],
        "policy": {
            "sha256": hashlib.sha256(state.policy.text.encode()).hexdigest(),
            "rules": [rule.name for rule in state.policy.rules],
            "text": state.policy.text,
        },
        "blocks": [_block(block) for block in state.blocks],
        "proposals": [_pending(pending) for pending in state.pending],
        "executing": state.executing,
    }


def _person(person: Signatory) -> Document:
    return {"name": person.name, "keyId": person.key.id, "key": msgspec.to_builtins(person.key)}


def _block(block: InForce) -> Document:
    return {
        "digest": block.digest,
        "key": block.key,
        "officer": block.officer,
        "time": rfc3339(Micros(block.time)),
        "note": block.note,
    }


def _pending(pending: Pending) -> Document:
    """Show a proposal with its exact text: what an officer consents to is its digest."""
    return {
        "digest": pending.digest,
        "statement": pending.statement,
        "officers": list(pending.officers),
        "expires": rfc3339(Micros(pending.proposal.exp * 1_000_000)),
    }
