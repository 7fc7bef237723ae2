from __future__ import annotations

from ekm_officers.requests import (
    APPROVERS,
    BRUNO_KEY,
    OWN_ACCESS,
    approval,
    request,
)
from rempart.ekm.approvals.approval import sign
from rempart.ekm.policy.explain import changes, explain
from rempart.ekm.policy.file import parse

SUPPORT = (
    OWN_ACCESS.replace("version = 1", "")
    .replace("own access", "support")
    .replace("CUSTOMER_INITIATED_ACCESS", "CUSTOMER_INITIATED_SUPPORT")
)
BOTH = parse(OWN_ACCESS + SUPPORT)


def test_an_explanation_names_the_rule_that_decides_and_why_each_other_does_not() -> None:
    found = explain(BOTH, (), request())
    assert [(opinion.rule, opinion.decides) for opinion in found.opinions] == [
        ("own access", True),
        ("support", False),
    ]
    against = found.opinions[1].against
    assert [(each.member, each.because) for each in against] == [
        ("reasons", "the reason is CUSTOMER_INITIATED_ACCESS")
    ]


def test_an_explanation_lists_everything_that_is_against_a_rule() -> None:
    wrong = request(project="1", verb="destroyKey", reason=None, health_check=True)
    found = explain(BOTH, (), wrong)
    assert [each.member for each in found.opinions[0].against] == [
        *("projects", "verbs", "health_checks", "reasons")
    ]


def test_a_rule_that_lacks_its_approval_decides_by_refusing() -> None:
    found = explain(BOTH, APPROVERS, request(reason="CUSTOMER_INITIATED_SUPPORT"))
    assert not found.verdict.allowed
    assert [(each.decides, each.against) for each in found.opinions][1] == (True, ())


def test_a_dry_run_shows_the_past_answers_that_would_change() -> None:
    approved = sign(BRUNO_KEY, approval())
    support = request(reason="CUSTOMER_INITIATED_SUPPORT", approval=approved)
    past = [
        (request(), True),
        (support, False),
        (request(verb="destroyKey"), False),
        (request(key="v0/cryptospaces/lyon/keys/k"), True),
    ]
    found = list(changes(BOTH, APPROVERS, past))
    assert [(change.use, change.was_allowed) for change in found] == [past[1], past[3]]


def test_a_dry_run_counts_rates_by_the_times_of_the_past() -> None:
    rated = parse(OWN_ACCESS + "per_minute = 1")
    minute = 60_000_000
    times = [0, 1, minute, minute + 1]
    past = [(request(time=request().time + time), True) for time in times]
    found = list(changes(rated, (), past))
    assert [change.use.time - request().time for change in found] == [1, minute + 1]
