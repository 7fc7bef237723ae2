from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekm_officers.requests import KEY, OWN_ACCESS, WEDNESDAY_NOON, own_access, request
from rempart.core.access_reasons import ACCESS_REASONS
from rempart.core.errors import Code
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.policy.file import VERBS, parse
from rempart.ekm.policy.judge import REASON_FIELD, PolicyJudge
from rempart.ekm.policy.rate import BUCKETS_MAX, Rates
from rempart.ekm.policy.rule import Policy, mismatches


def allowed(policy: Policy, **changed: Any) -> bool:
    return PolicyJudge(policy).judge(request(**changed)).allowed


def test_what_a_rule_names_is_allowed_by_its_name() -> None:
    verdict = PolicyJudge(own_access()).judge(request())
    assert (verdict.allowed, verdict.rule) == (True, "own access")


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://accounts.google.com"},
        {"issuer": ""},
        {"project": "12345678"},
        {"project": ""},
        {"key": "v0/cryptospaces/lyon/keys/archive"},
        {"key": "v0/cryptospaces/paris/keys/archive/versions/1"},
        {"key": "v0/cryptospaces/paris"},
        {"verb": "destroyKey"},
        {"reason": None},
        {"reason": ""},
        {"reason": "REASON_UNSPECIFIED"},
        {"reason": "REASON_NOT_EXPECTED"},
        {"reason": "customer_initiated_access"},
        {"reason": "GOOGLE_INITIATED_SYSTEM_OPERATION"},
        {"reason": "ABSENT"},
        {"reason": "UNKNOWN"},
        {"health_check": True},
    ],
    ids=str,
)
def test_what_the_only_rule_does_not_name_is_refused(changed: dict[str, Any]) -> None:
    assert not allowed(own_access(), **changed)


def test_an_empty_policy_refuses_everything() -> None:
    assert not allowed(parse("version = 1"))


@pytest.mark.parametrize(
    ("given_reason", "named"),
    [(None, "ABSENT"), ("", "REASON_UNSPECIFIED"), ("MADE_UP", "UNKNOWN"), ("ABSENT", "UNKNOWN")],
)
def test_a_missing_or_made_up_reason_is_allowed_only_by_its_own_name(
    given_reason: str | None, named: str
) -> None:
    text = OWN_ACCESS.replace("CUSTOMER_INITIATED_ACCESS", named) + "requires_approval = false"
    others = {None, "", "MADE_UP", "CUSTOMER_INITIATED_ACCESS"} - {given_reason}
    assert allowed(parse(text), reason=given_reason)
    if named != "UNKNOWN":
        assert not any(allowed(parse(text), reason=other) for other in others)


def test_a_refused_reason_is_named_as_the_field_at_fault() -> None:
    verdict = PolicyJudge(own_access()).judge(request(reason="GOOGLE_INITIATED_SERVICE"))
    assert (verdict.code, verdict.field) == (Code.PERMISSION_DENIED, REASON_FIELD)


def test_where_more_than_the_reason_is_wrong_the_reason_is_not_blamed() -> None:
    wrong = request(reason=None, project="1")
    assert PolicyJudge(own_access()).judge(wrong).field == ""


HEALTH = (
    OWN_ACCESS.replace('reasons = ["CUSTOMER_INITIATED_ACCESS"]', "health_checks = true")
).replace('"wrap", "unwrap"', '"wrap", "getPublicKey"')


def test_a_health_check_is_allowed_by_its_own_rule_without_a_reason() -> None:
    assert allowed(parse(HEALTH), verb="wrap", health_check=True, reason=None)


def test_the_rule_for_health_checks_allows_nothing_else() -> None:
    assert not allowed(parse(HEALTH), verb="wrap")


def test_the_mark_of_a_health_check_opens_no_data() -> None:
    both = parse(OWN_ACCESS + HEALTH.replace("version = 1", "").replace("own access", "health"))
    assert not allowed(both, verb="unwrap", health_check=True)
    assert not allowed(both, verb="unwrap", health_check=True, reason=None)


def test_a_rule_may_let_health_checks_open_data_if_it_says_so_and_names_the_reasons() -> None:
    text = OWN_ACCESS + "health_checks = true\nreleases_data = true"
    assert allowed(parse(text), health_check=True)
    assert not allowed(parse(text), health_check=True, reason=None)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("Wednesday noon", True),
        ("Wednesday 07:59 in Paris", False),
        ("Wednesday 08:00 in Paris", True),
        ("Wednesday 17:59 in Paris", True),
        ("Wednesday 18:00 in Paris", False),
        ("Saturday noon", False),
    ],
)
def test_hours_are_those_of_the_named_time_zone(moment: str, inside: bool) -> None:
    offsets = {
        "Wednesday noon": 0,
        "Wednesday 07:59 in Paris": -(6 * 60 + 1),
        "Wednesday 08:00 in Paris": -6 * 60,
        "Wednesday 17:59 in Paris": 3 * 60 + 59,
        "Wednesday 18:00 in Paris": 4 * 60,
        "Saturday noon": 3 * 24 * 60,
    }
    policy = own_access(
        'timezone = "Europe/Paris"', 'hours = "08:00-18:00"', 'days = ["mon", "wed"]'
    )
    time = (WEDNESDAY_NOON + offsets[moment] * 60) * 1_000_000
    assert allowed(policy, time=time) is inside


def test_a_span_over_midnight_belongs_to_the_day_on_which_it_began() -> None:
    policy = own_access('timezone = "UTC"', 'hours = "22:00-02:00"', 'days = ["wed"]')
    hour = 3600 * 1_000_000
    noon = WEDNESDAY_NOON * 1_000_000
    assert allowed(policy, time=noon + 10 * hour)
    assert allowed(policy, time=noon + 13 * hour)
    assert not allowed(policy, time=noon + 14 * hour)
    assert not allowed(policy, time=noon - 11 * hour)
    assert not allowed(policy, time=noon)


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ('principal.endsWith("@example.fr")', True),
        ('principal.endsWith("@example.com")', False),
        ('operation in ["storage.objects.get", "storage.objects.list"]', True),
        ('target.startsWith("projects/_/buckets/archive/") && !health_check', True),
        ('time < timestamp("2026-06-03T12:00:01Z")', True),
        ('time < timestamp("2026-06-03T12:00:00Z")', False),
        ("size(remote) == 0", True),
    ],
)
def test_a_condition_narrows_its_rule(condition: str, verdict: bool) -> None:
    assert allowed(own_access(f"condition = '{condition}'")) is verdict


def test_a_rate_allows_so_many_a_minute_for_each_key_and_refuses_more_by_its_own_code() -> None:
    judge = PolicyJudge(own_access("per_minute = 2"))
    other = f"{KEY}-2"
    verdicts = [judge.judge(request(key=key)) for key in (KEY, KEY, KEY, other)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, False, True]
    assert verdicts[2].code is Code.RESOURCE_EXHAUSTED
    later = request(time=request().time + 30_000_000)
    assert [judge.judge(later).allowed for _ in range(2)] == [True, False]


def test_a_clock_that_goes_backwards_refills_nothing() -> None:
    judge = PolicyJudge(own_access("per_minute = 1"))
    now = request().time
    times = (now, now - 3_600_000_000, now, now + 60_000_000)
    outcomes = [judge.judge(request(time=time)).allowed for time in times]
    assert outcomes == [True, False, False, True]


def test_refused_requests_use_up_no_rate() -> None:
    judge = PolicyJudge(own_access("per_minute = 1"))
    for _ in range(5):
        judge.judge(request(reason=None))
    assert judge.judge(request()).allowed


def test_more_keys_than_there_is_room_for_are_refused_rather_than_uncounted() -> None:
    rates = Rates()
    taken = [rates.take("r", str(key), per_minute=1, time=0) for key in range(BUCKETS_MAX + 1)]
    assert taken == [True] * BUCKETS_MAX + [False]
    assert rates.take("r", "late", per_minute=1, time=60_000_000)


texts = st.sampled_from(["", "a", KEY, "123456789", "https://accounts.cloud.example"])
reasons = st.one_of(st.none(), st.sampled_from(sorted(ACCESS_REASONS)), texts)
uses = st.builds(
    KeyUse,
    time=st.integers(0, 1 << 51),
    verb=st.sampled_from(sorted(VERBS)),
    key=texts,
    issuer=texts,
    caller=texts,
    project=texts,
    reason=reasons,
    health_check=st.booleans(),
    principal=texts,
    approval=texts,
)
rules = st.builds(
    lambda rule, verbs, named, health, approvers: msgspec.structs.replace(
        rule,
        verbs=frozenset(verbs),
        reasons=frozenset(named),
        health_checks=health,
        approvers=approvers,
    ),
    st.just(own_access().rules[0]),
    st.sets(st.sampled_from(sorted(VERBS)), min_size=1),
    st.sets(st.sampled_from(sorted(ACCESS_REASONS)), min_size=1),
    st.booleans(),
    st.sampled_from([None, 0, 1]),
)
near = st.builds(
    lambda use, verb, why, health: msgspec.structs.replace(
        use, verb=verb, reason=why, health_check=health
    ),
    st.just(request()),
    st.sampled_from(sorted(VERBS)),
    reasons,
    st.booleans(),
)


@given(use=st.one_of(uses, near), policy=st.lists(rules, max_size=4))
def test_nothing_is_allowed_that_no_rule_speaks_for(use: KeyUse, policy: list[Any]) -> None:
    verdict = PolicyJudge(Policy(tuple(policy))).judge(use)
    speaking = [rule for rule in policy if not list(mismatches(rule, use))]
    assert verdict.allowed <= bool(speaking)
    assert verdict.allowed == any(rule.approvers_for(use) == 0 for rule in speaking)


@given(use=st.one_of(uses, near), policy=st.lists(rules, max_size=3), more=rules)
def test_another_rule_changes_only_what_it_speaks_for(
    use: KeyUse, policy: list[Any], more: Any
) -> None:
    before = PolicyJudge(Policy(tuple(policy))).judge(use).allowed
    after = PolicyJudge(Policy((*policy, more))).judge(use).allowed
    assert before <= after
    if list(mismatches(more, use)):
        assert before == after


@given(use=st.one_of(uses, near), policy=st.lists(rules, min_size=1, max_size=4))
def test_the_order_of_rules_does_not_matter(use: KeyUse, policy: list[Any]) -> None:
    forwards = PolicyJudge(Policy(tuple(policy))).judge(use).allowed
    backwards = PolicyJudge(Policy(tuple(reversed(policy)))).judge(use).allowed
    assert forwards == backwards
