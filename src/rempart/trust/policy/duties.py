"""Separation of duties: rights that must not meet in one hand, checked when rights are granted.

A duty names two sides, each a list of roles and permissions. A change of a policy is refused if it
gives a member something of both sides, on the resource or together with what is granted above it.
What met before the rule was made stays, and may be taken apart in any order. Whether a condition
holds is not asked: it may hold tomorrow. Groups of principals are members like others: who is in
them is not known here.

Source: SecNumCloud 3.2, 9.3.f.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rempart.core.errors import CloudError, Code, ErrorInfo
from rempart.core.policy import Policy
from rempart.core.principal import Member
from rempart.trust.policy.members import EVERYONE, project_member
from rempart.trust.policy.roles import permissions_of

_DOMAIN = "iam.googleapis.com"


@dataclass(frozen=True, slots=True)
class Duty:
    """Two sides that exclude each other; a role has a slash in its name, a permission has none."""

    name: str
    one: frozenset[str]
    other: frozenset[str]
    reason: str = ""

    def met(self, held: frozenset[str]) -> bool:
        """Tell whether both sides are among what a member holds."""
        return not self.one.isdisjoint(held) and not self.other.isdisjoint(held)


def check_duties(
    duties: Iterable[Duty],
    old: Policy,
    new: Policy,
    above: Iterable[Policy],
    custom: Mapping[str, frozenset[str]],
) -> None:
    """Raise the refusal, which names the rule, if `new` in place of `old` breaks a duty.

    `custom` has the permissions of custom roles by name.
    """
    around = tuple(above)
    before, after = _by_member((old, *around)), _by_member((new, *around))
    everyone = frozenset[str]().union(*(after.get(one, ()) for one in EVERYONE))
    at_first = frozenset[str]().union(*(before.get(one, ()) for one in EVERYONE))
    for member in sorted(after):
        held = _rights(after[member] | everyone, custom)
        earlier = _rights(before.get(member, frozenset()) | at_first, custom)
        for duty in duties:
            if duty.met(held) and not duty.met(earlier):
                raise _refusal(duty, member)


def conflicts(
    duties: Iterable[Duty], policies: Iterable[Policy], custom: Mapping[str, frozenset[str]]
) -> list[tuple[Member, Duty]]:
    """Return who holds both sides of which duty by policies that apply in one place."""
    held = _by_member(tuple(policies))
    everyone = frozenset[str]().union(*(held.get(one, ()) for one in EVERYONE))
    return [
        (member, duty)
        for member in sorted(held)
        for duty in duties
        if duty.met(_rights(held[member] | everyone, custom))
    ]


def _by_member(policies: Iterable[Policy]) -> dict[Member, frozenset[str]]:
    """Return the roles of each member; an owner of some project here counts as one of any."""
    held: defaultdict[Member, set[str]] = defaultdict(set)
    stand_ins: defaultdict[str, set[str]] = defaultdict(set)
    for policy in policies:
        for binding in policy.bindings:
            for member in binding.members:
                stand_in = project_member(member)
                if stand_in is not None:
                    stand_ins[stand_in.role].add(binding.role)
                held[member].add(binding.role)
    return {
        member: frozenset(roles.union(*(stand_ins[role] for role in roles & stand_ins.keys())))
        for member, roles in held.items()
    }


def _rights(roles: frozenset[str], custom: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return roles and all that they carry."""
    carried = [custom.get(role) or permissions_of(role) for role in roles]
    return roles.union(*carried)


def _refusal(duty: Duty, member: Member) -> CloudError:
    because = f" ({duty.reason})" if duty.reason else ""
    return CloudError(
        Code.FAILED_PRECONDITION,
        f"The separation of duties '{duty.name}'{because} is broken: {member} would hold both "
        f"sides of it on one resource or along the way to it.",
        reason="failedPrecondition",
        field="policy.bindings",
        info=ErrorInfo("SEPARATION_OF_DUTIES", _DOMAIN, (("rule", duty.name), ("member", member))),
    )
