"""Whether a call crosses a perimeter, and whether a rule lets it: pure, and explained.

Two questions, for every project that a call touches. From outside: may this caller, from where it
is, do this inside? Between projects of one call: may they be used together, where a perimeter holds
one and not the other? Rules that name nobody, nothing or nowhere admit nobody.

Source: Google's pages on ingress and egress rules. Here no call comes from a VPC network: a caller
is at an address, and a call that begins inside is that of a service's agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rempart.trust.policy.perimeters.documents import (
    ANY,
    BRIDGE,
    AccessPolicy,
    ApiOperation,
    EgressPolicy,
    IngressPolicy,
    PerimeterConfig,
    ServicePerimeter,
)
from rempart.trust.policy.perimeters.levels import holds
from rempart.trust.policy.perimeters.origin import Origin
from rempart.trust.policy.roles import permissions_of

NO_LEVEL = "NO_MATCHING_ACCESS_LEVEL"
APART = "RESOURCES_NOT_IN_SAME_SERVICE_PERIMETER"
NOT_ACCESSIBLE = "SERVICE_NOT_ALLOWED_FROM_VPC"
RESTRICTED = "RESTRICTED-SERVICES"


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A perimeter of a policy in one of its configurations."""

    policy: AccessPolicy
    perimeter: ServicePerimeter
    config: PerimeterConfig

    @property
    def name(self) -> str:
        """Return the perimeter's full name."""
        return self.perimeter.name


@dataclass(frozen=True, slots=True)
class Plan:
    """All perimeters of a universe in force, or those of the dry run, by what is in them.

    `bridges` are by the name of their policy: none opens a perimeter of another policy.
    """

    regular: dict[str, tuple[Enclosure, ...]]
    bridges: dict[str, tuple[frozenset[str], ...]]

    def around(self, place: Sequence[str]) -> list[Enclosure]:
        """Return the regular perimeters around a project, named with what it lies in."""
        return [one for name in place for one in self.regular.get(name, ())]

    def bridged(self, enclosure: Enclosure, one: Sequence[str], other: Sequence[str]) -> bool:
        """Tell whether a bridge of a perimeter's own policy joins two projects."""
        bridges = self.bridges.get(enclosure.policy.name, ())
        return any(not b.isdisjoint(one) and not b.isdisjoint(other) for b in bridges)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a call does in a project: `place` is the project and what it lies in, upwards.

    `methods` are the names that Google gives to the method, `member` who does it.
    """

    place: tuple[str, ...]
    resource: str
    services: frozenset[str]
    methods: frozenset[str]
    permission: str
    member: str
    sets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call may not cross a perimeter."""

    reason: str
    enclosure: Enclosure
    visit: Visit
    other: Visit | None = None


def plan(policies: Iterable[AccessPolicy], *, dry: bool) -> Plan:
    """Return the perimeters in force, or those that a dry run judges by."""
    regular: dict[str, tuple[Enclosure, ...]] = {}
    bridges: dict[str, tuple[frozenset[str], ...]] = {}
    for policy in policies:
        for perimeter in policy.perimeters.values():
            config = perimeter.proposed if dry else perimeter.status
            if config is None:
                continue
            if perimeter.perimeter_type == BRIDGE:
                joined = frozenset(config.resources)
                bridges[policy.name] = (*bridges.get(policy.name, ()), joined)
                continue
            for resource in config.resources:
                enclosure = Enclosure(policy, perimeter, config)
                regular[resource] = (*regular.get(resource, ()), enclosure)
    return Plan(regular, bridges)


def judge(plan_: Plan, visit: Visit, before: Sequence[Visit], origin: Origin) -> Refusal | None:
    """Return why a visit may not be, None where it may.

    `before` are the earlier visits of the same call to other projects. The first was the caller's;
    a visit by somebody else is an agent's, which begins where the call already is.
    """
    agent = bool(before) and before[0].member != visit.member
    for enclosure in plan_.around(visit.place):
        if not _restricts(enclosure, visit.services):
            continue
        if not agent and not _from_outside(enclosure, visit, origin):
            return Refusal(NO_LEVEL, enclosure, visit)
    for other in before:
        refusal = _together(plan_, visit, other, origin)
        if refusal is None and agent:
            refusal = _reach(plan_, visit, other)
        if refusal is not None:
            return refusal
    return None


def _restricts(enclosure: Enclosure, services: frozenset[str]) -> bool:
    return not services.isdisjoint(enclosure.config.restricted_services)


def _from_outside(enclosure: Enclosure, visit: Visit, origin: Origin) -> bool:
    policy, config = enclosure.policy, enclosure.config
    if any(holds(policy, level, origin) for level in config.access_levels):
        return True
    return any(_lets_in(policy, rule, visit, origin) for rule in config.ingress_policies)


def _lets_in(policy: AccessPolicy, rule: IngressPolicy, visit: Visit, origin: Origin) -> bool:
    to, by = rule.ingress_to, rule.ingress_from
    return (
        _identity(by.identities, by.identity_type, visit)
        and _covers(to.resources, visit.place)
        and _does(to.operations, to.roles, visit)
        and any(_level(policy, one.access_level, origin) for one in by.sources)
    )


def _together(plan_: Plan, one: Visit, other: Visit, origin: Origin) -> Refusal | None:
    """Return why two projects may not be used in one call."""
    for inside, outside in ((one, other), (other, one)):
        for enclosure in plan_.around(inside.place):
            if not _restricts(enclosure, inside.services | outside.services):
                continue
            if _holds_both(enclosure, outside) or plan_.bridged(
                enclosure, inside.place, outside.place
            ):
                continue
            if not _crosses(enclosure, inside, outside, origin):
                return Refusal(APART, enclosure, inside, outside)
    return None


def _holds_both(enclosure: Enclosure, outside: Visit) -> bool:
    return not set(outside.place).isdisjoint(enclosure.config.resources)


def _crosses(enclosure: Enclosure, inside: Visit, outside: Visit, origin: Origin) -> bool:
    policy, config = enclosure.policy, enclosure.config
    return any(
        _lets_out(policy, rule, inside, outside, origin) for rule in config.egress_policies
    ) or any(_lets_in_from(rule, inside, outside) for rule in config.ingress_policies)


def _lets_out(
    policy: AccessPolicy, rule: EgressPolicy, inside: Visit, outside: Visit, origin: Origin
) -> bool:
    to, by = rule.egress_to, rule.egress_from
    sourced = not by.sources or any(
        _level(policy, one.access_level, origin) or one.resource in inside.place
        for one in by.sources
    )
    return (
        sourced
        and _identity(by.identities, by.identity_type, outside)
        and _covers(to.resources, outside.place)
        and _does(to.operations, to.roles, outside)
    )


def _lets_in_from(rule: IngressPolicy, inside: Visit, outside: Visit) -> bool:
    to, by = rule.ingress_to, rule.ingress_from
    sources = tuple(one.resource for one in by.sources if one.resource)
    return (
        _identity(by.identities, by.identity_type, inside)
        and not set(sources).isdisjoint(outside.place)
        and _covers(to.resources, inside.place)
        and _does(to.operations, to.roles, inside)
    )


def _reach(plan_: Plan, visit: Visit, other: Visit) -> Refusal | None:
    """Return why an agent that acts from inside may not call a service from there."""
    for enclosure in plan_.around(other.place):
        config = enclosure.config
        accessible = config.vpc_accessible_services
        if accessible is None or not accessible.enable_restriction:
            continue
        allowed = set(accessible.allowed_services)
        if RESTRICTED in allowed:
            allowed |= set(config.restricted_services)
        if allowed.isdisjoint(visit.services):
            return Refusal(NOT_ACCESSIBLE, enclosure, visit, other)
    return None


def _identity(identities: tuple[str, ...], kind: str, visit: Visit) -> bool:
    member = visit.member
    if kind == "ANY_IDENTITY" or not {member, *visit.sets}.isdisjoint(identities):
        return True
    if kind == "ANY_SERVICE_ACCOUNT":
        return member.startswith("serviceAccount:")
    return kind == "ANY_USER_ACCOUNT" and member.startswith(("user:", "principal:"))


def _covers(resources: tuple[str, ...], place: tuple[str, ...]) -> bool:
    return ANY in resources or not set(resources).isdisjoint(place)


def _does(operations: tuple[ApiOperation, ...], roles: tuple[str, ...], visit: Visit) -> bool:
    if visit.permission and any(visit.permission in permissions_of(role) for role in roles):
        return True
    return any(_selects(one, visit) for one in operations)


def _selects(operation: ApiOperation, visit: Visit) -> bool:
    if operation.service_name == ANY:
        return True
    if operation.service_name not in visit.services:
        return False
    return any(
        one.method == ANY
        or one.method in visit.methods
        or (one.permission != "" and one.permission == visit.permission)
        for one in operation.method_selectors
    )


def _level(policy: AccessPolicy, name: str, origin: Origin) -> bool:
    return name == ANY or (name != "" and holds(policy, name, origin))
