"""What a policy may say and somebody should have thought about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rempart.core.access_reasons import CUSTOMER_INITIATED_ACCESS
from rempart.ekm.model import names
from rempart.ekm.policy.file import HARMLESS
from rempart.ekm.policy.rule import Policy, Rule

_NUMBERS = re.compile(r"[0-9*]+")


def warnings(policy: Policy) -> Iterator[str]:
    """Yield a sentence for each thing that an attacker would be glad of, or that never counts."""
    if not policy.rules:
        yield "There is no rule, so everything is refused."
    for rule in policy.rules:
        for sentence in _of(rule):
            yield f'rule "{rule.name}" {sentence}'


def _of(rule: Rule) -> Iterator[str]:
    if rule.approvers == 0 and not rule.health_checks:
        for name in sorted(rule.reasons - {CUSTOMER_INITIATED_ACCESS}):
            yield f"takes the cloud's word for the reason {name}: it asks for no approval"
    if rule.health_checks and rule.verbs - HARMLESS:
        yield "lets whoever marks a request as a health check open data"
    if "*" in rule.projects:
        yield "speaks for every project of its issuers"
    if "destroyKey" in rule.verbs:
        yield "lets the cloud destroy keys"
    yield from _vain(rule)


def _vain(rule: Rule) -> Iterator[str]:
    """Yield what no request will ever fit, which is an error in writing."""
    for project in rule.projects:
        if not _NUMBERS.fullmatch(project):
            yield f"names the project {project!r}, which none is called: give the number"
    for key in rule.keys:
        if not names.is_path(key.replace("*", "x")):
            yield f"names {key!r}, which is the path of no key: v0/cryptospaces/SPACE/keys/KEY"
    for issuer in sorted(rule.issuers):
        if not issuer.startswith("https://"):
            yield f"names the issuer {issuer!r}, which none is called: https://…"
