from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ekm_officers.requests import ALICE_KEY, OWN_ACCESS
from rempart.core.limits import KIB
from rempart.core.signing import statement
from rempart.ekm.administration import actions
from rempart.ekm.administration.statements import PROPOSAL, STATEMENT_CHARS_MAX
from rempart.ekm.policy.file import POLICY_BYTES_MAX, RULES_MAX, parse
from rempart.ekm.policy.reader import PolicyProblem
from rempart.ekm.policy.warnings import warnings


def problem(text: str) -> PolicyProblem:
    with pytest.raises(PolicyProblem) as caught:
        parse(text)
    return caught.value


def without(member: str) -> str:
    return "\n".join(line for line in OWN_ACCESS.splitlines() if not line.startswith(member))


@pytest.mark.parametrize("member", ["issuers", "projects", "keys", "verbs", "reasons"])
def test_a_rule_without_what_it_must_name_is_refused_by_rule_and_member(member: str) -> None:
    found = problem(without(member))
    assert (found.where, found.member) == ('rule "own access"', member)


def test_a_rule_without_a_name_is_refused_by_its_place() -> None:
    found = problem(without("name"))
    assert (found.where, found.member) == ("rule 1", "name")


@pytest.mark.parametrize(
    ("line", "member"),
    [
        ("reason = 1", "reason"),
        ("per_minute = 0", "per_minute"),
        ("per_minute = true", "per_minute"),
        ('per_minute = "10"', "per_minute"),
        ("approvers = 9", "approvers"),
        ("requires_approval = 1", "requires_approval"),
        ("requires_approval = false\napprovers = 2", "approvers"),
        ('hours = "08:00-18:00"', "timezone"),
        ('days = ["mon"]', "timezone"),
        ('timezone = "Europe/Atlantis"', "timezone"),
        ('timezone = "../etc/passwd"', "timezone"),
        ('timezone = "UTC"\nhours = "8-18"', "hours"),
        ('timezone = "UTC"\nhours = "08:00-25:00"', "hours"),
        ('timezone = "UTC"\nhours = "08:00-08:00"', "hours"),
        ('timezone = "UTC"\ndays = ["monday"]', "days"),
        ("condition = 1", "condition"),
        ("condition = 'principal'", "condition"),
        ("condition = 'principal > 5'", "condition"),
        ("condition = 'princpal == \"a\"'", "condition"),
        ("condition = 'principal =='", "condition"),
        ("condition = 'principal.matches(\"(a+)+\")'", "condition"),
        ("condition = '[1].all(x, x > 0)'", "condition"),
        ("condition = 'time < timestamp(\"tomorrow\")'", "condition"),
        ("releases_data = true", "releases_data"),
        ("health_checks = true", "verbs"),
    ],
)
def test_a_wrong_member_is_refused_by_its_name(line: str, member: str) -> None:
    found = problem(OWN_ACCESS + line)
    assert (found.where, found.member) == ('rule "own access"', member)


@pytest.mark.parametrize(
    ("before", "after", "member"),
    [
        ('"unwrap"', '"decrypt"', "verbs"),
        ('"CUSTOMER_INITIATED_ACCESS"', '"ANY"', "reasons"),
        ('["CUSTOMER_INITIATED_ACCESS"]', "[]", "reasons"),
        ('["CUSTOMER_INITIATED_ACCESS"]', '"CUSTOMER_INITIATED_ACCESS"', "reasons"),
        ("keys/*", "*" * 9, "keys"),
        ('"123456789"', "123456789", "projects"),
    ],
)
def test_a_wrong_value_is_refused_by_its_member(before: str, after: str, member: str) -> None:
    assert problem(OWN_ACCESS.replace(before, after)).member == member


def test_text_that_is_no_toml_is_refused_with_its_line() -> None:
    assert "line 4" in str(problem(OWN_ACCESS.replace('name = "own access"', "name = own")))


@pytest.mark.parametrize("text", ["", "version = 2", "version = true", 'version = "1"'])
def test_another_version_is_refused(text: str) -> None:
    assert problem(text).member == "version"


def test_an_unknown_table_is_refused() -> None:
    assert problem("version = 1\n[rules]\n").member == "rules"


def test_two_rules_of_one_name_are_refused() -> None:
    assert problem(OWN_ACCESS + OWN_ACCESS.replace("version = 1", "")).member == "name"


def test_more_rules_than_the_limit_are_refused() -> None:
    rule = OWN_ACCESS.replace("version = 1", "")
    many = [rule.replace("own access", f"rule {number}") for number in range(RULES_MAX)]
    assert len(parse("version = 1\n" + "".join(many)).rules) == RULES_MAX
    assert f"over {RULES_MAX} rules" in str(problem("version = 1\n" + "".join([*many, rule])))


def test_a_file_over_the_limit_is_refused() -> None:
    assert str(POLICY_BYTES_MAX) in str(problem("#" * (POLICY_BYTES_MAX + 1)))


def test_a_policy_of_the_largest_size_fits_into_a_proposal() -> None:
    text = '"' * POLICY_BYTES_MAX
    action = actions.AdoptPolicy(sha256="0" * 64, text=text)
    content = msgspec.json.encode(action)
    assert len(statement.sign(ALICE_KEY, PROPOSAL, content)) < STATEMENT_CHARS_MAX - KIB


def test_the_policy_that_the_manual_shows_is_one() -> None:
    manual = Path(__file__).parent.parent.parent / "docs/key-holder-policy.md"
    shown = manual.read_text().split("```toml\n")[1].split("```")[0]
    policy = parse(shown)
    assert [rule.approvers for rule in policy.rules] == [None, 2, None]
    assert list(warnings(policy)) == []


@pytest.mark.parametrize(
    ("before", "after", "warning"),
    [
        ("INITIATED_ACCESS", "INITIATED_SUPPORT", "asks for no approval"),
        ('"123456789"', '"*"', "every project"),
        ('"unwrap"', '"destroyKey"', "destroy keys"),
        ('"123456789"', '"rempart:default"', "give the number"),
        ("v0/cryptospaces/paris/keys/*", "paris/*", "the path of no key"),
        ('issuers = ["https://', 'issuers = ["', "the issuer"),
        ("requires_approval", "health_checks = true\nreleases_data = true\n#", "open data"),
    ],
)
def test_a_check_warns_of_what_an_attacker_would_be_glad_of_and_of_what_never_counts(
    before: str, after: str, warning: str
) -> None:
    text = (OWN_ACCESS + "requires_approval = false").replace(before, after)
    assert any(warning in sentence for sentence in warnings(parse(text)))
