"""The published vectors of docs/spec/approval.md and docs/spec/proposal.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rempart.core.errors import CloudError
from rempart.core.signing import statement
from rempart.core.signing.keys import Signatory
from rempart.ekm.administration.statements import BLOCK, CONSENT, LOOK, PROPOSAL, digest
from rempart.ekm.administration.steps import Done, Said, advance, enrolled, looked
from rempart.ekm.approvals.approval import TYPE
from rempart.ekm.approvals.evidence import weigh
from rempart.ekm.model.key_use import KeyUse

VECTORS = Path(__file__).parent.parent.parent / "docs/spec/vectors"
TYPES = {"proposal": PROPOSAL, "consent": CONSENT, "block": BLOCK, "look": LOOK}


def vector(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


APPROVAL = vector("ekm-approval.json")
OFFICERS = vector("ekm-proposal.json")


def signed(private: str, typ: str, payload: str) -> str:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private))
    return statement.sign(key, typ, payload.encode())


def test_the_approval_is_what_its_payload_and_key_make() -> None:
    assert signed(APPROVAL["privateKey"], TYPE, APPROVAL["payload"]) == APPROVAL["approval"]


def test_the_approval_speaks_for_the_request_it_fits() -> None:
    approver = msgspec.convert(APPROVAL["approver"], Signatory)
    assert approver.key.id == APPROVAL["keyId"]
    fits = APPROVAL["fits"] | {"time": APPROVAL["fits"]["time"] * 1_000_000, "caller": ""}
    use = msgspec.convert(fits | {"approval": APPROVAL["approval"]}, KeyUse)
    assert weigh(use, (approver,), {}).held == (f"bruno/{json.loads(APPROVAL['payload'])['jti']}",)


@pytest.mark.parametrize(
    "step", [*OFFICERS["steps"], OFFICERS["look"]], ids=lambda step: step["kind"]
)
def test_a_statement_is_what_its_payload_and_one_officers_key_make(step: Any) -> None:
    made = {
        signed(private, TYPES[step["kind"]], step["payload"])
        for private in OFFICERS["privateKeys"].values()
    }
    assert step["statement"] in made
    assert digest(step["statement"]) == step["digest"]


def test_the_steps_make_the_state_that_they_say() -> None:
    state = enrolled(OFFICERS["enrolment"])
    assert state.manager == OFFICERS["manager"]
    proposal, consent, block = OFFICERS["steps"]
    for step in (proposal, consent):
        state = advance(state, Said(step["statement"], step["time"]))
    state = advance(state, Done(proposal["digest"], consent["time"]))
    state = advance(state, Said(block["statement"], block["time"]))
    after = OFFICERS["after"]
    assert (state.quorum, state.basis) == (after["quorum"], after["basis"])
    assert state.blocked(after["blocked"]) is not None
    assert state.blocked(after["open"]) is None
    look = OFFICERS["look"]
    assert looked(state, look["statement"], look["time"]) == "odile"


@pytest.mark.parametrize("step", OFFICERS["steps"], ids=lambda step: step["kind"])
def test_a_statement_with_any_other_bit_is_refused(step: Any) -> None:
    state = enrolled(OFFICERS["enrolment"])
    token = step["statement"]
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        changed = f"{token[:place]}{other}{token[place + 1 :]}"
        with pytest.raises(CloudError, match="refused"):
            advance(state, Said(changed, step["time"]))


def test_a_statement_does_not_verify_under_another_key_than_it_names() -> None:
    other = msgspec.convert(APPROVAL["approver"], Signatory).key
    step = OFFICERS["look"]
    with pytest.raises(statement.Refused, match="another key"):
        statement.verify(step["statement"], LOOK, other, chars_max=4096)
