from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from ekm_officers.requests import (
    APPROVERS,
    BRUNO_KEY,
    CLARA_KEY,
    KEY,
    MALLORY_KEY,
    OWN_ACCESS,
    TARGET,
    WEDNESDAY_NOON,
    approval,
    request,
)
from rempart.core.errors import CloudError
from rempart.core.signing import statement
from rempart.core.signing.keys import (
    PrivateKey,
    Signatory,
    VerifyingKey,
    base64url,
    public,
    unbase64url,
)
from rempart.ekm.approvals.approval import (
    APPROVAL_CHARS_MAX,
    APPROVALS_MAX,
    LIFETIME_SECONDS_MAX,
    SEPARATOR,
    SKEW_SECONDS,
    TYPE,
    read,
    sign,
)
from rempart.ekm.model.verdict import Verdict
from rempart.ekm.policy.file import parse
from rempart.ekm.policy.judge import APPROVAL_FIELD, PolicyJudge

SUPPORT = OWN_ACCESS.replace("CUSTOMER_INITIATED_ACCESS", "CUSTOMER_INITIATED_SUPPORT")


def judge(*lines: str, approvers: tuple[Signatory, ...] = APPROVERS) -> PolicyJudge:
    return PolicyJudge(parse(SUPPORT + "\n".join(lines)), approvers)


def asked(token: str, **changed: Any) -> Verdict:
    support = {"reason": "CUSTOMER_INITIATED_SUPPORT", "approval": token}
    return judge().judge(request(**{**support, **changed}))


def refused_for(token: str, **changed: Any) -> str:
    verdict = asked(token, **changed)
    assert not verdict.allowed
    assert verdict.field == APPROVAL_FIELD
    return verdict.message


def signed(key: PrivateKey = BRUNO_KEY, **changed: Any) -> str:
    return sign(key, approval(**changed))


def raw(claims: object, *, typ: str = TYPE) -> str:
    return statement.sign(BRUNO_KEY, typ, json.dumps(claims).encode())


def claims() -> dict[str, Any]:
    decoded = json.loads(msgspec.json.encode(approval()))
    assert isinstance(decoded, dict)
    return decoded


def test_a_request_that_was_approved_is_allowed() -> None:
    assert asked(signed()).allowed


def test_an_approver_may_sign_with_a_p256_key() -> None:
    assert asked(signed(CLARA_KEY, iss="clara")).allowed


def test_a_support_request_without_an_approval_is_refused() -> None:
    assert "0 of 1 signed approvals" in refused_for("")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exp": WEDNESDAY_NOON}, "has expired"),
        ({"iat": WEDNESDAY_NOON + SKEW_SECONDS + 1}, "not valid yet"),
        ({"nbf": WEDNESDAY_NOON + SKEW_SECONDS + 1}, "not valid yet"),
        ({"cloud": "https://accounts.google.com"}, "another cloud"),
        ({"project": "987"}, "another project"),
        ({"principal": "user:eve@example.fr"}, "another principal"),
        ({"reasons": ("GOOGLE_INITIATED_SERVICE",)}, "other reasons"),
        ({"keys": "v0/cryptospaces/paris/keys/other"}, "other keys"),
        ({"target": "projects/_/buckets/archive/objects/2025"}, "another target"),
        ({"target": TARGET[:-1]}, "another target"),
        ({"iss": "clara"}, "not the approver whose key"),
    ],
    ids=str,
)
def test_an_approval_of_something_else_is_refused(changed: dict[str, Any], why: str) -> None:
    assert why in refused_for(signed(**changed))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"key": "v0/cryptospaces/paris/keys/b"}, "other keys"),
        ({"principal": ""}, "another principal"),
        ({"target": ""}, "another target"),
    ],
    ids=str,
)
def test_an_approval_does_not_serve_another_request(changed: dict[str, Any], why: str) -> None:
    assert why in refused_for(signed(keys=KEY, target=TARGET), **changed)


def test_an_approval_is_good_to_its_last_second_and_from_its_first() -> None:
    assert asked(signed(exp=WEDNESDAY_NOON + 1)).allowed
    assert asked(signed(iat=WEDNESDAY_NOON + SKEW_SECONDS)).allowed


def test_a_target_may_name_the_folder_or_the_thing_itself() -> None:
    for target in (TARGET, "projects/_/buckets/archive", "projects/_/buckets/archive/objects/"):
        assert asked(signed(target=target, keys="")).allowed


def test_a_stranger_who_signs_in_the_name_of_an_approver_is_refused() -> None:
    assert "nobody who is an approver" in refused_for(signed(MALLORY_KEY))


def test_a_strangers_signature_under_an_approvers_key_id_does_not_verify() -> None:
    head, _, _ = signed().split(".")
    _, body, _ = signed(MALLORY_KEY).split(".")
    forged = base64url(MALLORY_KEY.sign(f"{head}.{body}".encode()))
    assert "does not verify" in refused_for(f"{head}.{body}.{forged}")


def test_an_approval_that_was_changed_after_signing_is_refused() -> None:
    head, body, signature = signed(principal="user:eve@example.fr").split(".")
    changed = unbase64url(body).replace(b"eve", b"alice")
    forged = f"{head}.{base64url(changed)}.{signature}"
    assert "does not verify" in refused_for(forged)


@pytest.mark.parametrize("alg", ["none", "HS256", "ES256", "eddsa", ""])
def test_the_algorithm_is_the_registered_keys_and_never_the_tokens_choice(alg: str) -> None:
    _, body, signature = signed().split(".")
    head = {"alg": alg, "kid": public(BRUNO_KEY).id, "typ": TYPE}
    refused_for(f"{base64url(json.dumps(head).encode())}.{body}.{signature}")


def test_a_signature_given_for_another_purpose_is_no_approval() -> None:
    assert "kind" in refused_for(raw(claims(), typ="rempart-proposal+jws"))


@pytest.mark.parametrize("member", ["iss", "jti", "iat", "exp", "cloud", "project", "principal"])
def test_an_approval_without_a_claim_that_it_needs_is_refused(member: str) -> None:
    stated = claims()
    del stated[member]
    refused_for(raw(stated))


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": WEDNESDAY_NOON - 60 + LIFETIME_SECONDS_MAX + 1},
        {"keys": "", "target": ""},
        {"keys": "*" * 9},
        {"reasons": []},
        {"reasons": ["ABSENT"]},
        {"uses": 0},
        {"iat": -1},
        {"exp": True},
        {"principal": ["user:alice@example.fr"]},
        {"anything": "else"},
    ],
    ids=str,
)
def test_an_approval_that_says_what_none_may_say_is_refused(changed: dict[str, Any]) -> None:
    refused_for(raw(claims() | changed))


def test_an_approval_that_says_one_thing_twice_is_refused() -> None:
    twice = b'{"principal":"user:eve@example.fr",' + json.dumps(claims()).encode()[1:]
    assert "twice" in refused_for(statement.sign(BRUNO_KEY, TYPE, twice))


@pytest.mark.parametrize(
    "token",
    ["a", "a.b", "a.b.c", "..", "é.b.c", " ", "a" * (APPROVAL_CHARS_MAX + 1), "\ud800.a.b"],
)
def test_garbage_is_refused_and_breaks_nothing(token: str) -> None:
    refused_for(token)


def test_padding_and_white_space_around_an_approval_are_refused() -> None:
    for spoiled in (f"{signed()} ", f" {signed()}", f"{signed()}=", f"{signed()}\n"):
        refused_for(spoiled)


def test_an_approval_that_lives_too_long_is_not_even_signed() -> None:
    with pytest.raises(CloudError):
        signed(exp=WEDNESDAY_NOON + LIFETIME_SECONDS_MAX)


def test_an_approval_for_two_uses_is_good_for_two() -> None:
    support = request(reason="CUSTOMER_INITIATED_SUPPORT", approval=signed(uses=2))
    judging = judge()
    assert [judging.judge(support).allowed for _ in range(3)] == [True, True, False]
    assert "as often as it may be" in judging.judge(support).message


def test_uses_are_remembered_from_the_log_after_a_restart() -> None:
    support = request(reason="CUSTOMER_INITIATED_SUPPORT", approval=signed(uses=2))
    restarted = judge()
    restarted.remember(support)
    assert [restarted.judge(support).allowed for _ in range(2)] == [True, False]


def test_uses_are_remembered_when_the_policy_changes() -> None:
    support = request(reason="CUSTOMER_INITIATED_SUPPORT", approval=signed(uses=1))
    judging = judge()
    assert judging.judge(support).allowed
    assert not judging.replaced(parse(SUPPORT), APPROVERS).judge(support).allowed


def test_two_approvers_are_two_people() -> None:
    two = judge("approvers = 2")
    bruno, again = signed(), signed(jti="another")
    clara = signed(CLARA_KEY, iss="clara")
    for tokens, verdict in (
        ([bruno], False),
        ([bruno, bruno], False),
        ([bruno, again], False),
        ([bruno, signed(MALLORY_KEY)], False),
        ([bruno, clara], True),
        ([signed(MALLORY_KEY), clara, bruno], True),
    ):
        support = request(reason="CUSTOMER_INITIATED_SUPPORT", approval=SEPARATOR.join(tokens))
        assert two.judge(support).allowed is verdict


def test_more_approvals_than_the_limit_are_refused() -> None:
    many = SEPARATOR.join([signed()] * (APPROVALS_MAX + 1))
    assert f"over {APPROVALS_MAX}" in refused_for(many)


def test_an_approver_who_was_removed_approves_nothing() -> None:
    support = request(reason="CUSTOMER_INITIATED_SUPPORT", approval=signed())
    assert not judge(approvers=APPROVERS[1:]).judge(support).allowed


@pytest.mark.parametrize(
    ("why", "line", "allowed"),
    [
        ("CUSTOMER_INITIATED_ACCESS", "", True),
        ("CUSTOMER_INITIATED_ACCESS", "requires_approval = true", False),
        ("GOOGLE_INITIATED_SYSTEM_OPERATION", "", False),
        ("GOOGLE_INITIATED_SYSTEM_OPERATION", "requires_approval = false", True),
        ("GOOGLE_INITIATED_SERVICE", "", False),
        ("GOOGLE_INITIATED_SERVICE", "requires_approval = false", True),
    ],
)
def test_without_approval_only_the_customers_own_access_passes_unless_the_rule_says_so(
    why: str, line: str, allowed: bool
) -> None:
    text = OWN_ACCESS.replace("CUSTOMER_INITIATED_ACCESS", why) + line
    assert PolicyJudge(parse(text), APPROVERS).judge(request(reason=why)).allowed is allowed


def test_what_an_approval_says_can_be_read_without_any_key() -> None:
    assert read(signed()) == approval()


def test_a_key_of_another_curve_is_no_signing_key() -> None:
    assert public(generate_private_key(SECP256R1())).algorithm == "ES256"
    with pytest.raises(CloudError):
        msgspec.structs.replace(public(BRUNO_KEY), crv="Ed448").load()
    with pytest.raises(CloudError):
        msgspec.structs.replace(public(CLARA_KEY), y=public(CLARA_KEY).x).load()


def test_the_thumbprint_is_that_of_the_standard() -> None:
    # RFC 8037, appendix A.3.
    key = VerifyingKey("OKP", "Ed25519", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert key.id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_what_was_approved_may_not_be_kept_by_the_cloud() -> None:
    assert not asked(signed()).cacheable
    assert PolicyJudge(parse(OWN_ACCESS)).judge(request()).cacheable
