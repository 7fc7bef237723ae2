"""Which rule decides about a request and why others do not; what a policy would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from rempart.core.signing.keys import Signatory
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.model.verdict import Verdict
from rempart.ekm.policy.judge import PolicyJudge
from rempart.ekm.policy.rule import Mismatch, Policy, mismatches


class Opinion(msgspec.Struct, frozen=True):
    """What one rule has to say: nothing against it means that it speaks for the request."""

    rule: str
    decides: bool
    against: tuple[Mismatch, ...]


class Explanation(msgspec.Struct, frozen=True):
    """The verdict, and every rule's part in it."""

    verdict: Verdict
    opinions: tuple[Opinion, ...]


class Change(msgspec.Struct, frozen=True):
    """A past request that would have been answered otherwise."""

    use: KeyUse
    was_allowed: bool
    verdict: Verdict


def explain(policy: Policy, approvers: tuple[Signatory, ...], use: KeyUse) -> Explanation:
    """Judge one request as the first ever, and say what each rule finds."""
    verdict = PolicyJudge(policy, approvers).judge(use)
    return Explanation(
        verdict,
        tuple(
            Opinion(rule.name, rule.name == verdict.rule, tuple(mismatches(rule, use)))
            for rule in policy.rules
        ),
    )


def changes(
    policy: Policy, approvers: tuple[Signatory, ...], past: Iterable[tuple[KeyUse, bool]]
) -> Iterator[Change]:
    """Yield the past requests, in their order, that this policy would have answered otherwise.

    Each is judged at its own time, by the approvals that came with it.
    """
    judge = PolicyJudge(policy, approvers)
    for use, was_allowed in past:
        verdict = judge.judge(use)
        if verdict.allowed != was_allowed:
            yield Change(use, was_allowed, verdict)
