"""Why a decision is what it is: every binding, deny rule and boundary that bears on it.

It asks what the decision asks, by the decision's own parts, and keeps every answer instead of
stopping at the first that settles it. It makes no Grant, changes nothing and records nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from msgspec.structs import replace

from rempart.core.call import MethodId, Peer
from rempart.core.clock import Micros
from rempart.core.method import Access
from rempart.core.policy import Binding, Policy, Resource
from rempart.core.principal import ALL_USERS, Member, Principal
from rempart.trust.policy.asking import Asking, by_place_of, names_of, situation_of
from rempart.trust.policy.boundaries import spared
from rempart.trust.policy.conditions import Situation, outcome
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.deny import DenyPolicy, DenyRule, made
from rempart.trust.policy.guard import Advisor, Opinion, Question, Way, thought_of
from rempart.trust.policy.lineage import NO_LINEAGE, Lineage
from rempart.trust.policy.members import project_member
from rempart.trust.policy.roles import PREDEFINED
from rempart.trust.policy.scopes import permit


class Truth(Enum):
    """What a condition comes to; UNKNOWN where it cannot be evaluated."""

    NONE = "there is no condition"
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    @property
    def holds(self) -> bool:
        """Tell whether something that grants counts under it."""
        return self in {Truth.NONE, Truth.TRUE}

    @property
    def binds(self) -> bool:
        """Tell whether something that restricts counts under it."""
        return self is not Truth.FALSE


@dataclass(frozen=True, slots=True)
class BindingExplained:
    """A binding: whether its role carries the permission here, whom it names, its condition.

    `members` tells for each member whether it names who asks. `effective` is False where the
    binding cannot count whatever it says, because what the resource lies in is not there.
    """

    binding: Binding
    carries: bool
    members: Mapping[Member, bool]
    condition: Truth
    effective: bool = True

    @property
    def named(self) -> bool:
        """Tell whether a member names who asks."""
        return any(self.members.values())

    @property
    def grants(self) -> bool:
        """Tell whether the binding alone would grant."""
        return self.carries and self.named and self.condition.holds and self.effective


@dataclass(frozen=True, slots=True)
class PolicyExplained:
    """The policy of a level: empty `level` for those of the resource and what holds it below."""

    level: str
    policy: Policy
    bindings: tuple[BindingExplained, ...]

    @property
    def grants(self) -> bool:
        """Tell whether one of its bindings grants."""
        return any(one.grants for one in self.bindings)


@dataclass(frozen=True, slots=True)
class RuleExplained:
    """A deny rule: whether it covers the permission and names who asks, and its condition."""

    rule: DenyRule
    covers: bool
    names: bool
    condition: Truth

    @property
    def denies(self) -> bool:
        """Tell whether the rule is against it."""
        return self.covers and self.names and self.condition.binds


@dataclass(frozen=True, slots=True)
class DenialExplained:
    """A deny policy of a level."""

    level: str
    id: str
    policy: DenyPolicy
    rules: tuple[RuleExplained, ...]

    @property
    def denies(self) -> bool:
        """Tell whether one of its rules is against it."""
        return any(one.denies for one in self.rules)


@dataclass(frozen=True, slots=True)
class BoundaryExplained:
    """A boundary that binds who asks: its policy, and whether that lists the resource."""

    policy: str
    includes: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """What a guard says beside IAM."""

    guard: str
    opinion: Opinion


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and all that it rests on.

    `scopes` tells whether the credential's scopes admit the permission, `at_home` whether the
    project of a service account is in use, `in_use` whether that of the resource is. `place` tells
    whether what the resource lies in is there. `restricted` is False in a universe without deny
    policies and boundaries. `bounded` is False for permissions that boundaries spare.
    """

    principal: Principal
    permission: str
    resource: Resource
    time: Micros
    scopes: bool
    at_home: bool
    in_use: bool
    place: bool
    restricted: bool
    policies: tuple[PolicyExplained, ...]
    denials: tuple[DenialExplained, ...]
    boundaries: tuple[BoundaryExplained, ...]
    bounded: bool
    advice: tuple[Advice, ...] = ()

    @property
    def granted(self) -> bool:
        """Tell whether a binding grants."""
        return any(one.grants for one in self.policies)

    @property
    def denied(self) -> bool:
        """Tell whether a deny policy is against it."""
        return any(one.denies for one in self.denials)

    @property
    def shut_out(self) -> bool:
        """Tell whether boundaries leave the resource out."""
        bound = self.boundaries if self.bounded else ()
        return bool(bound) and not any(one.includes for one in bound)

    @property
    def alive(self) -> bool:
        """Tell whether the projects of both are in use, and the resource's place is there."""
        return self.at_home and self.in_use and (self.place or not self.restricted)

    @property
    def allowed(self) -> bool:
        """Tell what the decision is: always that of `PolicyDecision.allowed`."""
        return self.scopes and self.alive and self.granted and not (self.denied or self.shut_out)

    @property
    def refusals(self) -> tuple[Advice, ...]:
        """Return what guards say that refuse what IAM allows."""
        return tuple(one for one in self.advice if one.opinion.refusal)


async def explain(
    decision: PolicyDecision,
    question: Question,
    advisors: tuple[Advisor, ...] = (),
    ways: tuple[Way, ...] = (),
) -> Explanation:
    """Return why a principal may use a permission on a resource at a time, or may not.

    `ways` are the methods that ask for the permission.
    """
    principal, permission = question.principal, question.permission
    resource, time = question.resource, question.time
    peer = Peer(question.remote, question.certificate)
    situation = situation_of(principal, permission, resource, time, peer)
    lineage = await decision.lineage(resource)
    home = await decision.home(principal)
    levels = lineage or NO_LINEAGE
    asking = replace(
        await asking_of(decision, principal, permission, public=resource.public),
        levels=levels.names,
    )
    reading = _Reading(decision, asking, situation, whole=lineage is not None)
    restricted = await decision.restricted()
    who = (principal.member, *principal.sets, *by_place_of(principal, home), ALL_USERS)
    bound = (
        await decision.boundaries.binding(principal, (home or NO_LINEAGE).places, situation)
        if restricted
        else []
    )
    own_project = principal.project
    return Explanation(
        principal=principal,
        permission=permission,
        resource=resource,
        time=time,
        scopes=principal.scopes is None or permit(principal.scopes, permission),
        at_home=own_project == resource.project or await decision.lives(own_project, permission),
        in_use=await decision.lives(resource.project, permission),
        place=lineage is not None and home is not None,
        restricted=restricted,
        policies=await _policies(reading, resource, levels),
        denials=tuple(
            [
                one
                for level in levels.names
                for one in await _denials(decision, level, permission, who, situation)
            ]
        ),
        boundaries=tuple(
            BoundaryExplained(one.policy, not one.listed.isdisjoint(levels.names)) for one in bound
        ),
        bounded=not spared(permission),
        advice=await _advice(question, advisors, ways or (_plain_way(permission),)),
    )


async def _advice(
    question: Question, advisors: tuple[Advisor, ...], ways: tuple[Way, ...]
) -> tuple[Advice, ...]:
    """Return what guards say of the first way that none refuses, else of the first of all."""
    first: tuple[Advice, ...] | None = None
    for way in ways:
        asked = thought_of(question, way)
        found = tuple([Advice(one.title, await one.opinion(asked)) for one in advisors])
        if not any(one.opinion.refusal for one in found):
            return found
        first = first or found
    return first or ()


def _plain_way(permission: str) -> Way:
    """Return a way for a permission that methods ask for only in their course."""
    service = permission.partition(".")[0].replace("resourcemanager", "cloudresourcemanager")
    reads = permission.rpartition(".")[2].startswith(("get", "list"))
    return Way(MethodId(""), Access.READ if reads else Access.WRITE, service)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How bindings are read; `whole` is False where what the resource lies in is not there."""

    decision: PolicyDecision
    asking: Asking
    situation: Situation
    whole: bool


async def _policies(
    reading: _Reading, resource: Resource, lineage: Lineage
) -> tuple[PolicyExplained, ...]:
    above = [
        (name, level.policy)
        for name, (_, _, level) in zip(lineage.names, lineage.levels, strict=True)
    ]
    return tuple(
        [
            PolicyExplained(
                level, policy, tuple([await _binding(reading, one) for one in policy.bindings])
            )
            for level, policy in (*(("", one) for one in resource.policies), *above)
        ]
    )


async def _binding(reading: _Reading, binding: Binding) -> BindingExplained:
    decision, asking = reading.decision, reading.asking
    carries = asking.permission in await decision.carried(binding.role, asking.levels)
    members = {one: await names(decision, asking, one) for one in binding.members}
    condition = await truth(
        decision, binding.condition.expression if binding.condition else None, reading.situation
    )
    direct = binding.role in PREDEFINED and binding.condition is None
    return BindingExplained(
        binding,
        carries,
        members,
        condition,
        effective=reading.whole or (direct and any(one in asking.names for one in binding.members)),
    )


async def names(decision: PolicyDecision, asking: Asking, member: Member) -> bool:
    """Tell whether a member of a binding names who asks."""
    stand_in = project_member(member)
    if stand_in is None:
        return member in asking.named
    return await decision.stands_for(stand_in, asking.principal)


async def asking_of(
    decision: PolicyDecision, principal: Principal, permission: str = "", *, public: bool = True
) -> Asking:
    """Return who asks, without a place: for the question whether members name somebody."""
    home = await decision.home(principal)
    return Asking(
        principal, names_of(principal, public=public), by_place_of(principal, home), permission, ()
    )


async def truth(decision: PolicyDecision, expression: str | None, situation: Situation) -> Truth:
    """Return what a condition comes to in a situation."""
    if expression is None:
        return Truth.NONE
    value = outcome(expression, await decision.told(expression, situation))
    if value is True:
        return Truth.TRUE
    return Truth.FALSE if value is False else Truth.UNKNOWN


async def _denials(
    decision: PolicyDecision,
    level: str,
    permission: str,
    who: tuple[Member, ...],
    situation: Situation,
) -> list[DenialExplained]:
    found = []
    for one in await decision.denials.policies(level):
        rules = []
        for rule in one.value.rules:
            ready = made(rule)
            expression = ready.denial.expression or None
            rules.append(
                RuleExplained(
                    rule,
                    ready.covers(permission),
                    ready.denial.names(who),
                    await truth(decision, expression, situation),
                )
            )
        found.append(DenialExplained(level, one.id, one.value, tuple(rules)))
    return found
