"""Rules as the policy file states them, and when one of them speaks for a request.

A rule only ever allows. Refusing is what happens when no rule allows, so the order of rules does
not matter and a new rule takes nothing away.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from rempart.core.access_reasons import CUSTOMER_INITIATED_ACCESS
from rempart.ekm.model import pattern, reason
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.policy.conditions import holds

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """When a rule is in force, in one time zone.

    From minute `begins` of a day until minute `ends`, exclusive. Where `ends` is not later than
    `begins` the span crosses midnight and belongs to the day on which it began.
    """

    timezone: str
    days: frozenset[str] = frozenset(DAYS)
    begins: int = 0
    ends: int = DAY_MINUTES

    def contain(self, time: int) -> bool:
        """Tell whether a moment, in microseconds since the epoch, is within these hours."""
        local = datetime.fromtimestamp(time // 1_000_000, UTC).astimezone(ZoneInfo(self.timezone))
        minute = local.hour * 60 + local.minute
        began = local
        if self.ends <= self.begins:
            if self.ends <= minute < self.begins:
                return False
            if minute < self.ends:
                began = local - timedelta(days=1)
        elif not self.begins <= minute < self.ends:
            return False
        return DAYS[began.weekday()] in self.days


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the key holder allows.

    `projects`, `keys` are patterns (`*` within a segment). `approvers` is how many different
    approvers must have signed for a request; None asks for one where the reason is not the
    customer's own access. A rule for health checks speaks for those alone, and no other rule does.
    """

    name: str
    issuers: frozenset[str]
    projects: tuple[str, ...]
    keys: tuple[str, ...]
    verbs: frozenset[str]
    reasons: frozenset[str]
    health_checks: bool = False
    hours: Hours | None = None
    per_minute: int | None = None
    approvers: int | None = None
    condition: str = ""

    def approvers_for(self, use: KeyUse) -> int:
        """Return how many different approvers must have signed for this request."""
        if self.approvers is not None:
            return self.approvers
        own = self.health_checks or reason.named(use.reason) == CUSTOMER_INITIATED_ACCESS
        return 0 if own else 1


class Policy(msgspec.Struct, frozen=True):
    """All rules, in the order of the file, and the text they come from."""

    rules: tuple[Rule, ...] = ()
    text: str = ""


class Mismatch(msgspec.Struct, frozen=True):
    """One way in which a rule does not speak for a request: the rule's member and a sentence."""

    member: str
    because: str


def mismatches(rule: Rule, use: KeyUse) -> Iterator[Mismatch]:
    """Yield every way in which the rule does not speak for the request, the reason last.

    What an approval or the rate has to say is not among them: both are asked afterwards.
    """
    for member, fits, because in _said(rule, use):
        if not fits:
            yield Mismatch(member, because)


def _said(rule: Rule, use: KeyUse) -> Iterator[tuple[str, bool, str]]:
    """Yield each member, whether it fits, and what to say if it does not; cheap ones first."""
    given = reason.named(use.reason)
    marked = "the request is a health check" if use.health_check else "it is no health check"
    in_force = rule.hours is None or rule.hours.contain(use.time)
    yield "issuers", use.issuer in rule.issuers, f"the token is of {use.issuer}"
    yield "projects", _any(rule.projects, use.project), f"the project is {use.project}"
    yield "keys", _any(rule.keys, use.key), f"the key is {use.key}"
    yield "verbs", use.verb in rule.verbs, f"the verb is {use.verb}"
    yield "health_checks", use.health_check == rule.health_checks, marked
    yield "hours", in_force, "it is outside the hours"
    yield "condition", not rule.condition or holds(rule.condition, use), "it is not true"
    yield "reasons", given in rule.reasons, f"the reason is {given}"


def _any(patterns: tuple[str, ...], path: str) -> bool:
    return any(pattern.fits(each, path) for each in patterns)
