"""Access Approval's rules: what may be asked for, set and handed in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.core.signing import statement
from rempart.services.accessapproval.breaking import officers
from rempart.services.accessapproval.brought import brought
from rempart.services.accessapproval.model import names
from rempart.services.accessapproval.model.opening import MINUTES_MAX, opening
from rempart.services.accessapproval.model.settings import (
    APPROVERS_MAX,
    EMAILS_MAX,
    changed,
    needed,
    settings_json,
    signing_key,
    with_needed,
)
from rempart.services.accessapproval.serialized import serialized
from rempart.services.accessapproval.signing import EVIDENCE_TYPE, Claims, Vouched
from rempart.trust.policy.sovereignty.rules import parse_rules
from rempart.trust.policy.support.documents import Request, Settings
from support import staffed
from support.worlds import NOW, START

WHOLE: dict[str, Any] = {
    "resource": "gs://b/logs",
    "reason": {"type": "CUSTOMER_INITIATED_SUPPORT", "detail": "it does not open"},
    "case": "c-1",
    "minutes": 30,
}
REQUEST = Request(
    container="projects/lab:one",
    scope="projects/_/buckets/b",
    principal="user:ada@exploitant.test",
    person="Ada Martin",
    employer=staffed.ENTITY,
    office="FR",
    residence="BE",
    reason="CUSTOMER_INITIATED_SUPPORT",
    detail="it does not open",
    case="c-1",
    services=("storage",),
    requested=START,
    expires=START + 60_000_000,
)
VOUCHED = Vouched(REQUEST, "n", "user:carla@customer.test", b"", "11", START, START + 1)


def test_a_request_is_read_as_it_was_asked_for() -> None:
    read = opening(WHOLE, START)
    assert (read.minutes, read.begins, read.writes, read.services) == (30, START, False, ())


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("resource", ""),
        ("reason", {"type": "CURIOSITY", "detail": "x"}),
        ("reason", {"type": "CUSTOMER_INITIATED_SUPPORT"}),
        ("reason", {"type": "CUSTOMER_INITIATED_SUPPORT", "detail": "a\u202eb"}),
        ("reason", {"type": "CUSTOMER_INITIATED_SUPPORT", "detail": "x" * 501}),
        ("case", ""),
        ("case", "a b"),
        ("minutes", 0),
        ("minutes", MINUTES_MAX + 1),
        ("services", ["nothing"]),
        ("begins", "2999-01-01T00:00:00Z"),
        ("writes", "perhaps"),
        ("surprise", 1),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(member: str, value: object) -> None:
    with pytest.raises(CloudError) as caught:
        opening(WHOLE | {member: value}, START)
    assert (caught.value.field or "").split(".")[0] == member


def test_a_mask_says_which_settings_change() -> None:
    old = Settings(emails=("a@b.test",), key="k", needed=2)
    new = changed(old, {"activeKeyVersion": ""}, {"updateMask": "active_key_version"})
    assert new == Settings(emails=("a@b.test",), needed=2)
    assert changed(old, {}, {}) == Settings(needed=2)


@pytest.mark.parametrize(
    ("document", "mask"),
    [
        ({"notificationEmails": ["nobody"]}, ""),
        ({"notificationEmails": [f"a{n}@b.test" for n in range(EMAILS_MAX + 1)]}, ""),
        ({"enrolledServices": [{"cloudProduct": "No such"}]}, ""),
        ({"enrolledServices": [{"cloudProduct": "all", "enrollmentLevel": "NONE"}]}, ""),
        ({"approvalPolicy": {"justificationBasedApprovalPolicy": "X"}}, ""),
        ({}, "enrolledAncestor"),
        ({"surprise": 1}, ""),
    ],
)
def test_settings_that_are_none_are_refused(document: dict[str, Any], mask: str) -> None:
    with pytest.raises(CloudError):
        changed(Settings(), document, {"updateMask": mask})


@given(st.lists(st.integers(0, APPROVERS_MAX)))
def test_nobody_below_asks_for_fewer_approvers_than_above(wanted: list[int]) -> None:
    chain = [with_needed(Settings(), {"approversNeeded": one}) for one in wanted]
    assert needed(chain) == max([1, *wanted])
    with pytest.raises(CloudError):
        with_needed(Settings(), {"approversNeeded": APPROVERS_MAX + 1})


def test_the_nearest_key_signs_and_ancestors_show() -> None:
    chain = [Settings(), Settings(key="near"), Settings(key="far", services=("all",))]
    assert signing_key(chain) == "near"
    shown = settings_json("projects/p", chain[0], chain[1:], invalid_key=False)
    assert shown == {
        "name": "projects/p/accessApprovalSettings",
        "enrolledAncestor": True,
        "ancestorHasActiveKeyVersion": True,
    }


@given(st.integers(1, 2**51), st.integers(1, 10**12))
def test_of_two_requests_the_later_sorts_first(now: int, later: int) -> None:
    one = names.new_id(now * 1000, b"\x00" * 4)
    other = names.new_id((now + later) * 1000, b"\xff" * 4)
    assert other < one
    assert names.request(f"folders/1/approvalRequests/{one}") == ("folders/1", one)


def test_what_is_signed_is_the_request_without_its_signature() -> None:
    assert serialized({"name": "x"}) == b"\x0a\x01x"
    assert serialized({"name": "x", "unknown": 1}) == b"\x0a\x01x"


# Approvals that are handed in, and officers' words.


def token(**changed: Any) -> str:
    claims = Claims(
        iss="carla", jti="1", iat=NOW, exp=NOW + 60, cloud="c", project="11",
        principal=REQUEST.principal, reasons=(REQUEST.reason,), keys="k",
    )  # fmt: skip
    said = msgspec.structs.replace(claims, **changed)
    return statement.sign(Ed25519PrivateKey.generate(), EVIDENCE_TYPE, msgspec.json.encode(said))


def test_an_approval_is_handed_in_for_its_own_request() -> None:
    one = token()
    assert brought(f"{one}~{one}", REQUEST, VOUCHED) == f"{one}~{one}"
    assert brought("", REQUEST, VOUCHED) == ""


@pytest.mark.parametrize(
    "given_",
    [
        "x",
        "~".join([token()] * 5),
        token(principal="user:bob@exploitant.test"),
        token(project="12"),
        token(reasons=("GOOGLE_INITIATED_SERVICE",)),
    ],
)
def test_an_approval_of_something_else_is_refused(given_: str) -> None:
    with pytest.raises(CloudError):
        brought(given_, REQUEST, VOUCHED)


def test_officers_are_counted_once_and_never_for_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("support.staffed.time.time", lambda: NOW)
    rules = parse_rules(staffed.rules("projects/lab:three"))

    def word(name: str, **changed: str) -> str:
        said = {"principal": REQUEST.principal, "resource": REQUEST.scope, "case": REQUEST.case}
        return staffed.word(name, *(said | changed).values())

    both = f"{word('Chloe')}~{word('Denis')}"
    assert officers(both, rules, REQUEST, START) == ("Chloe", "Denis")
    refused = (
        f"{word('Chloe')}~{word('Chloe')}",
        f"{word('Chloe')}~{word('Denis', case='c-2')}",
        f"{word('Chloe')}~{word('Denis', resource='projects/_/buckets/c')}",
        f"{word('Chloe')}~{word('Denis', principal='user:bob@exploitant.test')}",
        "x~y",
    )
    for text in refused:
        with pytest.raises(CloudError, match="takes 2 officers"):
            officers(text, rules, REQUEST, START)
    with pytest.raises(CloudError, match="takes 2 officers"):
        officers(both, rules, msgspec.structs.replace(REQUEST, person="Chloe"), START)
    with pytest.raises(CloudError, match="takes 2 officers"):
        officers(both, rules, REQUEST, type(START)(START + 3600 * 1_000_000))
    without = parse_rules(staffed.rules("projects/lab:three", more=""))
    with pytest.raises(CloudError, match="break glass"):
        officers(both, without, REQUEST, START)
