"""The judge: a policy, the approvers it believes, and what was allowed already.

A request is allowed if any rule speaks for it, has its approvals, and has not run out of its rate.
Nothing is counted for a request that is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rempart.core.errors import Code
from rempart.core.signing.keys import Signatory
from rempart.ekm.approvals.evidence import Evidence, weigh
from rempart.ekm.model import reason
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.model.verdict import Verdict
from rempart.ekm.policy.rate import Rates
from rempart.ekm.policy.rule import Policy, Rule, mismatches

NO_RULE = "no rule"
REASON_FIELD = "additionalContext.accessReasonContext.reason"
APPROVAL_FIELD = "additionalContext.rempartContext.approval"


class PolicyJudge:
    """Judges requests in their order: rates and counted approvals depend on what came before."""

    def __init__(self, policy: Policy, approvers: tuple[Signatory, ...] = ()) -> None:
        self._policy = policy
        self._approvers = approvers
        self._rates = Rates()
        self._spent: Counter[str] = Counter()

    def replaced(self, policy: Policy, approvers: tuple[Signatory, ...]) -> PolicyJudge:
        """Return a judge of another policy who remembers which approvals were used."""
        judge = PolicyJudge(policy, approvers)
        judge._spent = self._spent
        return judge

    def remember(self, use: KeyUse) -> None:
        """Count the approvals of a request that the log says was allowed: at every start."""
        self._spent.update(weigh(use, self._approvers, self._spent).held)

    def judge(self, use: KeyUse) -> Verdict:
        """Say whether this use of this key may be answered."""
        evidence = weigh(use, self._approvers, self._spent)
        verdict = self._decided(use, evidence)
        if verdict.allowed:
            self._spent.update(evidence.held)
        return verdict

    def _decided(self, use: KeyUse, evidence: Evidence) -> Verdict:
        speaking = self._speaking(use)
        approved = [rule for rule in speaking if len(evidence.held) >= rule.approvers_for(use)]
        for rule in approved:
            if self._within_rate(rule, use):
                cacheable = rule.approvers_for(use) == 0
                return Verdict(allowed=True, rule=rule.name, cacheable=cacheable)
        if approved:
            return _refusal(approved[0].name, "its rate is exceeded", code=Code.RESOURCE_EXHAUSTED)
        if speaking:
            return _unapproved(speaking[0], use, evidence)
        return self._unspoken(use)

    def _speaking(self, use: KeyUse) -> list[Rule]:
        return [rule for rule in self._policy.rules if not any(True for _ in mismatches(rule, use))]

    def _within_rate(self, rule: Rule, use: KeyUse) -> bool:
        if rule.per_minute is None:
            return True
        return self._rates.take(rule.name, use.key, per_minute=rule.per_minute, time=use.time)

    def _unspoken(self, use: KeyUse) -> Verdict:
        """Refuse what no rule speaks for; name the reason where nothing else was wrong."""
        if any(True for _ in self._but_for_the_reason(use)):
            message = f"no rule allows this for the reason {reason.named(use.reason)}"
            return _refusal(NO_RULE, message, field=REASON_FIELD)
        return _refusal(NO_RULE, f"no rule allows this {use.verb}")

    def _but_for_the_reason(self, use: KeyUse) -> Iterator[Rule]:
        for rule in self._policy.rules:
            if next(mismatches(rule, use)).member == "reasons":
                yield rule


def _unapproved(rule: Rule, use: KeyUse, evidence: Evidence) -> Verdict:
    needed = rule.approvers_for(use)
    why = f": {evidence.problems[0]}" if evidence.problems else ""
    message = f"{len(evidence.held)} of {needed} signed approvals came along{why}"
    return _refusal(rule.name, message, field=APPROVAL_FIELD)


def _refusal(
    rule: str, message: str, *, code: Code = Code.PERMISSION_DENIED, field: str = ""
) -> Verdict:
    return Verdict(allowed=False, rule=rule, message=message, code=code, field=field)
