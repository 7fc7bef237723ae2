"""The policy file: TOML in, a `Policy` or a refusal that says where.

Nothing is guessed: an unknown member, a missing one or a wrong type is an error that names the rule
and the member, and then the policy in force stays. Format: docs/key-holder-policy.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rempart.core.errors import CloudError
from rempart.core.limits import KIB
from rempart.ekm.model import reason
from rempart.ekm.policy import conditions
from rempart.ekm.policy.reader import PolicyProblem, RuleReader
from rempart.ekm.policy.rule import DAY_MINUTES, DAYS, Hours, Policy, Rule

POLICY_BYTES_MAX = 32 * KIB
RULES_MAX = 128
PER_MINUTE_MAX = 1_000_000
APPROVERS_MAX = 8

VERBS = frozenset(("wrap", "unwrap", "asymmetricSign", "getPublicKey", "createKey", "destroyKey"))
VERBS |= {"checkCryptoSpacePermissions"}
HARMLESS = frozenset(("wrap", "getPublicKey", "checkCryptoSpacePermissions"))
"""Verbs that release nothing that is secret: what health checks may do by default."""

_MEMBERS = frozenset(
    (
        *("name", "issuers", "projects", "keys", "verbs", "reasons", "health_checks"),
        *("releases_data", "days", "hours", "timezone", "per_minute", "requires_approval"),
        *("approvers", "condition"),
    )
)
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24:00))")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


def parse(text: str) -> Policy:
    """Return the policy that a file states; raises PolicyProblem."""
    if len(text.encode(errors="surrogatepass")) > POLICY_BYTES_MAX:
        raise PolicyProblem("the file", "", f"has over {POLICY_BYTES_MAX} bytes")
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise PolicyProblem("", "", f"not TOML: {problem}") from problem
    for member in document.keys() - {"version", "rule"}:
        raise PolicyProblem("the file", member, "no such member")
    if type(document.get("version")) is not int or document["version"] != 1:
        raise PolicyProblem("the file", "version", "must be 1")
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise PolicyProblem("the file", "rule", "rules are tables, each under [[rule]]")
    if len(tables) > RULES_MAX:
        raise PolicyProblem("the file", "rule", f"over {RULES_MAX} rules")
    return Policy(_distinct([_rule(table, at) for at, table in enumerate(tables, 1)]), text)


def _distinct(rules: list[Rule]) -> tuple[Rule, ...]:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise PolicyProblem(f'rule "{rule.name}"', "name", "is the name of two rules")
        seen.add(rule.name)
    return tuple(rules)


def _rule(table: Mapping[str, object], position: int) -> Rule:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PolicyProblem(f"rule {position}", "name", "must be a text of 1 to 128 characters")
    reader = RuleReader(f'rule "{name}"', table)
    reader.only(_MEMBERS)
    rule = Rule(
        name=name,
        issuers=frozenset(reader.texts("issuers")),
        projects=reader.patterns("projects"),
        keys=reader.patterns("keys"),
        verbs=frozenset(reader.texts("verbs", VERBS)),
        reasons=_reasons(reader),
        health_checks=reader.flag("health_checks") or False,
        hours=_hours(reader),
        per_minute=reader.number("per_minute", PER_MINUTE_MAX),
        approvers=_approvers(reader),
        condition=_condition(reader),
    )
    _check_health(rule, reader)
    return rule


def _reasons(reader: RuleReader) -> frozenset[str]:
    """Read the reasons; a rule of harmless health checks may leave them out, and takes any."""
    if reader.flag("health_checks") and not reader.flag("releases_data"):
        return frozenset(reader.texts("reasons", reason.NAMED, default=tuple(reason.NAMED)))
    return frozenset(reader.texts("reasons", reason.NAMED))


def _approvers(reader: RuleReader) -> int | None:
    needed = reader.flag("requires_approval")
    count = reader.number("approvers", APPROVERS_MAX)
    if needed is False and count is not None:
        raise reader.problem("approvers", "contradicts requires_approval = false")
    if needed is None:
        return count
    return (count or 1) if needed else 0


def _condition(reader: RuleReader) -> str:
    expression = reader.text("condition")
    if expression is None:
        return ""
    try:
        conditions.check(expression)
    except CloudError as problem:
        raise reader.problem("condition", problem.message) from problem
    return expression


def _hours(reader: RuleReader) -> Hours | None:
    zone = reader.text("timezone")
    span = reader.text("hours")
    days = reader.texts("days", frozenset(DAYS), default=DAYS)
    if zone is None:
        if span is not None or reader.has("days"):
            raise reader.problem("timezone", 'hours and days need one, such as "Europe/Paris"')
        return None
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise reader.problem("timezone", f"there is no time zone {zone!r}") from problem
    begins, ends = (0, DAY_MINUTES) if span is None else _minutes(reader, span)
    return Hours(timezone=zone, days=frozenset(days), begins=begins, ends=ends)


def _minutes(reader: RuleReader, span: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(span)
    if found is None:
        raise reader.problem("hours", 'must read like "08:00-18:30", up to "24:00"')
    begins = int(found[1]) * 60 + int(found[2])
    ends = DAY_MINUTES if found[5] else int(found[3]) * 60 + int(found[4])
    if begins == ends:
        raise reader.problem("hours", "begins and ends at the same minute")
    return begins, ends


def _check_health(rule: Rule, reader: RuleReader) -> None:
    """Keep the mark of a health check, which the cloud sets as it likes, from opening data."""
    releases = reader.flag("releases_data")
    if releases is not None and not rule.health_checks:
        raise reader.problem("releases_data", "is for rules with health_checks = true")
    if rule.health_checks and not releases and rule.verbs - HARMLESS:
        verb = min(rule.verbs - HARMLESS)
        message = f"a health check may {verb} only where the rule says releases_data = true"
        raise reader.problem("verbs", message)
