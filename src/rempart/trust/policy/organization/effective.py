"""What policies along the way up come to: the one place that merges them. Pure.

Source: "Hierarchy evaluation" of Google's Organization Policy documentation, and PolicySpec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from rempart.core.policy import Condition
from rempart.trust.policy.organization.documents import Rule, Spec
from rempart.trust.policy.organization.values import Group, Value, matches

Holds = Callable[[Condition], bool]


class Effective(msgspec.Struct, frozen=True):
    """What holds for a constraint at a resource, conditions and inheritance resolved.

    Of a list constraint: what is denied wins; then all is allowed, or what is listed, or, where
    nothing is, what is not denied. Of a boolean one: `enforced`, and its parameters.
    """

    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    allow_all: bool = False
    deny_all: bool = False
    enforced: bool = False
    parameters: Mapping[str, object] = {}

    def admits(self, value: Value, group: Group | None) -> bool:
        """Tell whether a list constraint lets a value pass."""
        if self.deny_all or any(matches(entry, value, group) for entry in self.denied):
            return False
        if self.allow_all or not self.allowed:
            return True
        return any(matches(entry, value, group) for entry in self.allowed)


def effective_list(specs: Iterable[Spec | None], holds: Holds, *, denies: bool) -> Effective:
    """Return what the policies of a list constraint come to, nearest first.

    `denies` is the default, where nothing is set or it is restored.
    """
    rules: list[Rule] = []
    for spec in specs:
        if spec is None:
            continue
        if spec.reset:
            break
        rules += _counting(spec, holds)
        if not spec.inherits:
            break
    if not rules:
        return Effective(deny_all=denies, allow_all=not denies)
    allowed = tuple(dict.fromkeys(value for rule in rules for value in rule.allowed))
    denied = tuple(dict.fromkeys(value for rule in rules for value in rule.denied))
    return Effective(
        allowed,
        denied,
        allow_all=any(rule.allow_all for rule in rules),
        deny_all=any(rule.deny_all for rule in rules),
    )


def effective_boolean(specs: Iterable[Spec | None], holds: Holds, *, denies: bool) -> Effective:
    """Return what the policies of a boolean constraint come to: the nearest one decides."""
    nearest = next((spec for spec in specs if spec is not None), None)
    if nearest is None or nearest.reset:
        return Effective(enforced=denies)
    for rule in _counting(nearest, holds):
        if rule.enforce is not None:
            return Effective(enforced=rule.enforce, parameters=rule.parameters)
    return Effective(enforced=denies)


def _counting(spec: Spec, holds: Holds) -> Sequence[Rule]:
    """Return the rules whose condition is true; without any, those that have none."""
    met = [rule for rule in spec.rules if rule.condition is not None and holds(rule.condition)]
    return met or [rule for rule in spec.rules if rule.condition is None]
