"""A policy made ready for questions: who may what, by one look-up.

Kept as long as the policy object lives: policies are values that are replaced, never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member
from rempart.trust.policy.members import ProjectMember, project_member
from rempart.trust.policy.roles import permissions_of


@dataclass(frozen=True, slots=True)
class Conditional:
    """A binding that counts only while its condition holds."""

    members: frozenset[Member]
    project_members: tuple[ProjectMember, ...]
    permissions: frozenset[str]
    expression: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """A policy by member; `roles` holds the unconditional ones, `project_members` is apart."""

    permissions: Mapping[Member, frozenset[str]]
    roles: Mapping[Member, frozenset[str]]
    project_members: tuple[tuple[ProjectMember, frozenset[str]], ...]
    conditional: tuple[Conditional, ...]


EMPTY = Compiled({}, {}, (), ())
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
    roles: dict[Member, frozenset[str]] = {}
    shared: list[tuple[ProjectMember, frozenset[str]]] = []
    conditional: list[Conditional] = []
    for part in parts:
        for member, carried in part.permissions.items():
            permissions[member] = permissions.get(member, frozenset()) | carried
        for member, held in part.roles.items():
            roles[member] = roles.get(member, frozenset()) | held
        shared += part.project_members
        conditional += part.conditional
    return Compiled(permissions, roles, tuple(shared), tuple(conditional))


def _compile(policy: Policy) -> Compiled:
    permissions: dict[Member, frozenset[str]] = {}
    roles: dict[Member, frozenset[str]] = {}
    shared: list[tuple[ProjectMember, frozenset[str]]] = []
    for binding in policy.bindings:
        if binding.condition is not None:
            continue
        carried = permissions_of(binding.role)
        for member in binding.members:
            stands_for = project_member(member)
            if stands_for is not None:
                shared.append((stands_for, carried))
                continue
            permissions[member] = permissions.get(member, frozenset()) | carried
            roles[member] = roles.get(member, frozenset()) | {binding.role}
    conditional = tuple(map(_conditional, (b for b in policy.bindings if b.condition)))
    return Compiled(permissions, roles, tuple(shared), conditional)


def _conditional(binding: Binding) -> Conditional:
    stand_ins = {member: project_member(member) for member in binding.members}
    return Conditional(
        members=frozenset(member for member, stand_in in stand_ins.items() if stand_in is None),
        project_members=tuple(stand_in for stand_in in stand_ins.values() if stand_in is not None),
        permissions=permissions_of(binding.role),
        expression=binding.condition.expression if binding.condition else "",
    )
