"""A policy made ready for questions: who may what, by one look-up.

Kept as long as the policy object lives: policies are values that are replaced, never changed. What
a custom role carries is not part of it: there stands the role's name, which is looked up at each
question, so that a changed role counts at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member
from rempart.trust.policy.members import ProjectMember, is_set_by_place, project_member
from rempart.trust.policy.roles import PREDEFINED, permissions_of

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Carried:
    """What bindings carry: permissions of predefined roles, and custom roles by name."""

    permissions: frozenset[str] = _NOTHING
    custom: frozenset[str] = _NOTHING

    def __or__(self, other: Carried) -> Carried:
        """Return both together."""
        return Carried(self.permissions | other.permissions, self.custom | other.custom)


@dataclass(frozen=True, slots=True)
class Conditional:
    """What a member has while a condition holds."""

    carried: Carried
    expression: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """A policy by member.

    `permissions`, `custom` (roles by name) and `roles` (all, by name) are the unconditional ones;
    `project_members` are apart, because only their project tells whom they name.
    """

    permissions: Mapping[Member, frozenset[str]]
    custom: Mapping[Member, frozenset[str]]
    roles: Mapping[Member, frozenset[str]]
    project_members: Mapping[ProjectMember, Carried]
    conditional: Mapping[Member, tuple[Conditional, ...]]
    conditional_project_members: Mapping[ProjectMember, tuple[Conditional, ...]]
    by_place: bool
    """Whether there are members that are sets of service accounts by their place."""


EMPTY = Compiled({}, {}, {}, {}, {}, {}, by_place=False)
_NO_RIGHTS = Carried()
_compiled: WeakKeyDictionary[Policy, Compiled] = WeakKeyDictionary()


def compiled(policy: Policy) -> Compiled:
    """Return the compiled form of a policy."""
    kept = _compiled.get(policy)
    if kept is None:
        kept = _compiled[policy] = _compile(policy)
    return kept


def merge(parts: Iterable[Compiled]) -> Compiled:
    """Return the bindings of several policies as one."""
    permissions: dict[Member, frozenset[str]] = {}
    custom: dict[Member, frozenset[str]] = {}
    roles: dict[Member, frozenset[str]] = {}
    shared: dict[ProjectMember, Carried] = {}
    conditional: dict[Member, tuple[Conditional, ...]] = {}
    under: dict[ProjectMember, tuple[Conditional, ...]] = {}
    by_place = False
    for part in parts:
        by_place |= part.by_place
        _add(permissions, part.permissions)
        _add(custom, part.custom)
        _add(roles, part.roles)
        for stand_in, carried in part.project_members.items():
            shared[stand_in] = shared.get(stand_in, _NO_RIGHTS) | carried
        for member, bindings in part.conditional.items():
            conditional[member] = conditional.get(member, ()) + bindings
        for stand_in, bindings in part.conditional_project_members.items():
            under[stand_in] = under.get(stand_in, ()) + bindings
    return Compiled(permissions, custom, roles, shared, conditional, under, by_place)


def _add(total: dict[Member, frozenset[str]], more: Mapping[Member, frozenset[str]]) -> None:
    for member, names in more.items():
        held = total.get(member)
        total[member] = names if held is None else held | names


def _compile(policy: Policy) -> Compiled:
    held: defaultdict[Member, set[str]] = defaultdict(set)
    shared: defaultdict[ProjectMember, Carried] = defaultdict(Carried)
    for binding in policy.bindings:
        if binding.condition is not None:
            continue
        for member in binding.members:
            stand_in = project_member(member)
            if stand_in is None:
                held[member].add(binding.role)
            else:
                shared[stand_in] |= _carried(binding)
    roles = {member: frozenset(names) for member, names in held.items()}
    custom = {member: names - PREDEFINED for member, names in roles.items()}
    members, stand_ins = _conditional(policy)
    return Compiled(
        permissions={member: _permissions(names) for member, names in roles.items()},
        custom={member: names for member, names in custom.items() if names},
        roles=roles,
        project_members=dict(shared),
        conditional=members,
        conditional_project_members=stand_ins,
        by_place=any(map(is_set_by_place, (*roles, *members))),
    )


def _conditional(
    policy: Policy,
) -> tuple[dict[Member, tuple[Conditional, ...]], dict[ProjectMember, tuple[Conditional, ...]]]:
    """Return the conditional bindings of a policy by member."""
    members: defaultdict[Member, tuple[Conditional, ...]] = defaultdict(tuple)
    stand_ins: defaultdict[ProjectMember, tuple[Conditional, ...]] = defaultdict(tuple)
    for binding in policy.bindings:
        if binding.condition is None:
            continue
        under = Conditional(_carried(binding), binding.condition.expression)
        for member in binding.members:
            stand_in = project_member(member)
            if stand_in is None:
                members[member] += (under,)
            else:
                stand_ins[stand_in] += (under,)
    return dict(members), dict(stand_ins)


def _carried(binding: Binding) -> Carried:
    if binding.role in PREDEFINED:
        return Carried(permissions_of(binding.role))
    return Carried(custom=frozenset((binding.role,)))


def _permissions(roles: frozenset[str]) -> frozenset[str]:
    """Return what these roles carry; a single role's own set is shared, not copied."""
    if len(roles) == 1:
        return permissions_of(*roles)
    return _NOTHING.union(*map(permissions_of, roles))
