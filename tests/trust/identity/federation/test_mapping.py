"""Attribute mappings and conditions: what they make, and that whatever goes wrong refuses."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.trust.identity.federation import mapping, members
from rempart.trust.identity.federation.mapping import (
    WORKFORCE_KEYS,
    Attributes,
    attributes,
    check_condition,
    check_mapping,
)
from rempart.trust.identity.federation.refusal import Refused

CLAIMS: dict[str, Any] = {
    "sub": "repo:acme/site:ref:refs/heads/main",
    "email": "alice@corp.example.test",
    "groups": ["engineers", "auditors", "engineers"],
    "number": 7,
    "nothing": None,
    "nested": {"team": "red"},
    "empty": "",
}
SUBJECT = {"google.subject": "assertion.sub"}
POOL = "projects/1/locations/global/workloadIdentityPools/pool"


def test_a_mapping_makes_subject_groups_and_custom_attributes() -> None:
    made = attributes(
        CLAIMS,
        {
            "google.subject": "assertion.email.extract('{name}@') + '/' + assertion.nested.team",
            "google.groups": "assertion.groups.map(g, 'corp-' + g)",
            "attribute.branch": "assertion.sub.split(':')[3]",
            "attribute.kind": "assertion.sub.startsWith('repo:') ? 'repo' : 'other'",
            "attribute.groups": "assertion.groups",
        },
        "",
    )
    assert made.subject == "alice/red"
    assert made.groups == ("corp-engineers", "corp-auditors")
    assert dict(made.custom) == {
        "branch": ("refs/heads/main",),
        "kind": ("repo",),
        "groups": ("engineers", "auditors", "engineers"),
    }
    assert members.member(POOL, made.subject) == (
        f"principal://iam.googleapis.com/{POOL}/subject/alice/red"
    )
    stem = f"principalSet://iam.googleapis.com/{POOL}"
    assert {
        f"{stem}/*",
        f"{stem}/group/corp-auditors",
        f"{stem}/attribute.branch/refs/heads/main",
        f"{stem}/attribute.groups/engineers",
    } <= set(members.sets(POOL, made))


def test_people_have_more_attributes_than_programs() -> None:
    wanted = SUBJECT | {
        "google.display_name": "assertion.email",
        "google.posix_username": "assertion.nested.team",
    }
    check_mapping(wanted, WORKFORCE_KEYS)
    made = attributes(CLAIMS, wanted, "")
    assert (made.display_name, made.posix_username) == ("alice@corp.example.test", "red")
    with pytest.raises(CloudError, match="Invalid attribute key"):
        check_mapping(wanted)


@pytest.mark.parametrize(
    "expression",
    [
        "assertion.absent",
        "assertion.nested.absent",
        "assertion.number",
        "assertion.nothing",
        "assertion.empty",
        "assertion.nested",
        "assertion.groups[9]",
        "assertion.sub == 'x'",
        "assertion.sub.extract('no placeholder')",
        "assertion.groups",
        "'x' + '\\n'",
        "'a\\u202eb'",
        "assertion.sub.replace('', 'x')",
    ],
)
def test_what_is_no_plain_text_is_nobodys_subject(expression: str) -> None:
    with pytest.raises(Refused):
        attributes(CLAIMS, {"google.subject": expression}, "")


@pytest.mark.parametrize(
    "expression", ["assertion.absent", "assertion.number", "assertion.nested", "['a', 1]", "[[]]"]
)
@pytest.mark.parametrize("key", ["google.groups", "attribute.x"])
def test_a_missing_or_odd_attribute_refuses_the_whole_credential(key: str, expression: str) -> None:
    with pytest.raises(Refused):
        attributes(CLAIMS, SUBJECT | {key: expression}, "")


def test_the_limits_of_a_mapping_are_googles() -> None:
    subject = {"google.subject": "assertion.long"}
    assert attributes({"long": "é" * 63}, subject, "").subject == "é" * 63
    with pytest.raises(Refused, match="127 bytes"):
        attributes({"long": "é" * 64}, subject, "")
    many = {f"attribute.a{number}": "assertion.sub" for number in range(50)}
    check_mapping(SUBJECT | many)
    with pytest.raises(CloudError, match="Over 50 custom attributes"):
        check_mapping(SUBJECT | many | {"attribute.one_more": "assertion.sub"})
    with pytest.raises(Refused, match="8192 bytes"):
        attributes(
            {"sub": "s", "long": "x" * 8192}, SUBJECT | {"attribute.x": "assertion.long"}, ""
        )
    check_mapping({"google.subject": f"assertion.{'a' * 2038}"})
    with pytest.raises(CloudError, match="2048 characters"):
        check_mapping({"google.subject": f"assertion.{'a' * 2039}"})
    check_condition(f"assertion.sub == '{'a' * 4077}'")
    with pytest.raises(CloudError, match="4096 characters"):
        check_condition(f"assertion.sub == '{'a' * 4078}'")


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"google.groups": "assertion.groups"},
        {"google.subject": ""},
        {"google.subject": "assertion.sub +"},
        {"google.subject": "request.time"},
        {"google.subject": "google.subject"},
        {"google.subject": "nothing(assertion.sub)"},
        {"google.subject": "assertion.a.map(x, assertion.b.map(y, x + y))"},
        {"google.subject": "assertion.a.map(x, x+x+x+x+x+x)"},
        {"google.subject": "assertion.sub.matches(assertion.pattern)"},
        {"google.subject": "assertion.a.map(assertion, assertion)"},
        SUBJECT | {"google.email": "assertion.email"},
        SUBJECT | {"attribute.Upper": "assertion.sub"},
        SUBJECT | {"attribute.": "assertion.sub"},
        SUBJECT | {f"attribute.{'a' * 91}": "assertion.sub"},
        SUBJECT | {"subject": "assertion.sub"},
    ],
)
def test_a_mapping_that_cannot_serve_is_refused_when_it_is_written(wanted: dict[str, str]) -> None:
    with pytest.raises(CloudError):
        check_mapping(wanted)


@pytest.mark.parametrize(
    "condition",
    [
        "assertion.number == 7",
        "'engineers' in assertion.groups",
        "google.subject.startsWith('repo:acme/') && attribute.team == 'red'",
        "'engineers' in google.groups && !('x' in google.groups)",
        "assertion.groups.exists(g, g == 'auditors')",
        "has(assertion.nested.team) && assertion.nested.team == 'red'",
        r"assertion.email.matches('^[a-z]+@corp[.]example[.]test$')",
    ],
)
def test_a_condition_that_holds_admits(condition: str) -> None:
    check_condition(condition)
    wanted = SUBJECT | {
        "google.groups": "assertion.groups",
        "attribute.team": "assertion.nested.team",
    }
    assert attributes(CLAIMS, wanted, condition).subject == CLAIMS["sub"]


@pytest.mark.parametrize(
    "condition",
    [
        "false",
        "assertion.number == 8",
        "assertion.absent == 'x'",
        "assertion.absent != 'x'",
        "assertion.nested.absent != 'x'",
        "attribute.absent == 'x'",
        "google.groups == []",
        "assertion.number",
        "'true'",
        "1",
        "assertion.groups",
        "assertion.groups[9] == 'x'",
        "!has(assertion.number)",
        "assertion.number == '7'",
        "'Engineers' in assertion.groups",
    ],
)
def test_a_condition_that_is_anything_but_true_refuses(condition: str) -> None:
    with pytest.raises(Refused, match="attribute condition"):
        attributes(CLAIMS, SUBJECT, condition)


@pytest.mark.parametrize(
    "condition",
    [
        "assertion.groups.exists(a, assertion.groups.exists(b, a == b))",
        "assertion.groups.all(google, true)",
        "request.time > timestamp('2020-01-01T00:00:00Z')",
        "assertion.sub.matches('(a+)+' + assertion.sub)",
        " ",
        "(" * 2000,
    ],
)
def test_a_condition_whose_cost_or_meaning_is_open_is_refused_when_it_is_written(
    condition: str,
) -> None:
    with pytest.raises(CloudError):
        check_condition(condition)


def test_the_dearest_expressions_over_the_most_claims_end_soon() -> None:
    half = mapping.CLAIM_NODES_MAX // 2 - 2
    claims = {
        "sub": "s",
        "a": [f"{'a' * 12}{number}" for number in range(half)],
        "b": [f"{'b' * 12}{number}" for number in range(half)],
    }
    began = time.monotonic()
    with pytest.raises(Refused):
        attributes(claims, SUBJECT, "assertion.a.exists(x, x in assertion.b)")
    with pytest.raises(Refused):
        attributes(claims, SUBJECT | {"attribute.x": "assertion.a.map(x, x+x+x+x+x)"}, "")
    growing = "assertion.a[0]" + f".replace('a', '{'a' * 100}')" * 17
    with pytest.raises(Refused):
        attributes(claims, {"google.subject": growing}, "")
    assert time.monotonic() - began < 2


def test_claims_that_are_many_or_deep_are_refused() -> None:
    with pytest.raises(Refused, match="too many claims"):
        attributes({"sub": "s", "a": [1] * mapping.CLAIM_NODES_MAX}, SUBJECT, "")
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    with pytest.raises(Refused, match="too deep"):
        attributes({"sub": "s", "a": deep}, SUBJECT, "")


@given(st.text(max_size=40), st.text(max_size=40))
def test_two_subjects_never_make_one_member(first: str, second: str) -> None:
    one, other = members.member(POOL, first), members.member(POOL, second)
    assert (one == other) == (first == second)
    assert all(0x20 < ord(letter) < 0x7F for letter in one)


@given(st.text(min_size=1, max_size=40))
def test_no_value_leads_out_of_its_kind_of_set(value: str) -> None:
    made = Attributes("s", (value,), (("a", (value,)),))
    stem = f"principalSet://iam.googleapis.com/{POOL}/"
    everybody, group, custom = members.sets(POOL, made)
    assert everybody == f"{stem}*"
    assert group.startswith(f"{stem}group/")
    assert custom.startswith(f"{stem}attribute.a/")
    assert not members.member(POOL, value).startswith("principalSet:")
