"""What a policy may say and somebody should have thought about."""

from __future__ import annotations

from collections.abc import Iterator

from rempart.ekm.model import reason
from rempart.ekm.policy.file import HARMLESS
from rempart.ekm.policy.rule import Policy, Rule


def warnings(policy: Policy) -> Iterator[str]:
    """Yield a sentence for each thing that an attacker would be glad of."""
    if not policy.rules:
        yield "There is no rule, so everything is refused."
    for rule in policy.rules:
        for sentence in _of(rule):
            yield f'rule "{rule.name}" {sentence}'


def _of(rule: Rule) -> Iterator[str]:
    if rule.approvers == 0 and not rule.health_checks:
        for name in sorted(rule.reasons - {reason.CUSTOMER_ACCESS}):
            yield f"takes the cloud's word for the reason {name}: it asks for no approval"
    if rule.health_checks and rule.verbs - HARMLESS:
        yield "lets whoever marks a request as a health check open data"
    if "*" in rule.projects:
        yield "speaks for every project of its issuers"
    if "destroyKey" in rule.verbs:
        yield "lets the cloud destroy keys"
