"""Who has which right by which binding, over all that a question covers.

It reads what is granted. Whether a deny policy, a boundary or a guard takes it away again is asked
for each principal by itself (`why.py`); `who_can` does so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from rempart.core.clock import Micros
from rempart.core.policy import Binding
from rempart.core.principal import Member, Principal
from rempart.services.answers.held import Held, Located
from rempart.services.answers.places import HELD_MAX, MANAGER, Places, above, level
from rempart.services.answers.who import member_of, principal
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.asking import Asking
from rempart.trust.policy.conditions import Situation
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.explain import Truth, asking_of, names, truth

_MANY = ("group:", "domain:", "principalSet:", "deleted:")
_MANY_NAMED = frozenset(("allAuthenticatedUsers",))


@dataclass(frozen=True, slots=True)
class Selected:
    """Which grants are wanted; empty means all.

    `member` is a principal, or a set of principals that bindings name as it is.
    """

    member: str = ""
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Right:
    """A binding that gives what is wanted.

    `members` are those of its members that are wanted, `permissions` what of the wanted it carries
    (all, where nothing was), `condition` what its condition comes to on what the policy is of.
    """

    held: Held
    above: tuple[str, ...]
    binding: Binding
    members: tuple[Member, ...]
    permissions: frozenset[str]
    condition: Truth


@dataclass(slots=True)
class Seen:
    """How many policies were looked at, and whether that was all there are."""

    policies: int = 0
    complete: bool = True
    groups: set[Member] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Rights:
    """Finds grants."""

    decision: PolicyDecision
    places: Places

    async def under(
        self, scopes: list[str], wanted: Selected, now: Micros, seen: Seen, tx: Transaction
    ) -> AsyncIterator[Right]:
        """Iterate over the grants on some levels and on all below them."""
        who = await self._who(wanted.member, tx)
        for scope in scopes:
            async for held in self.places.under(scope, tx):
                if seen.policies == HELD_MAX:
                    seen.complete = False
                    return
                seen.policies += 1
                for right in await self._of(held, wanted, who, now, seen, tx):
                    yield right

    async def on(
        self, located: Located, wanted: Selected, now: Micros, seen: Seen, tx: Transaction
    ) -> list[Right]:
        """Return the grants on a resource and on all that it lies in, nearest first."""
        who = await self._who(wanted.member, tx)
        found = list[Right]()
        for held in await self.chain(located, tx):
            seen.policies += 1
            found += await self._of(held, wanted, who, now, seen, tx)
        return found

    async def chain(self, located: Located, tx: Transaction) -> list[Held]:
        """Return all whose policies count for a resource, nearest first."""
        lineage = await self.decision.lineage(located.resource)
        found = [await level(name, tx) for name in (lineage.names if lineage else ())]
        return [*located.held, *(one for one in found if one is not None)]

    async def _who(self, member: str, tx: Transaction) -> Asking | Member | None:
        """Return who is wanted: somebody, a set by its name, or None for everybody."""
        if not member:
            return None
        named = member_of(member, field="identity")
        if named.startswith(_MANY) or named in _MANY_NAMED or "/type/" in named:
            return named
        if named.partition(":")[0] in {"projectOwner", "projectEditor", "projectViewer"}:
            return named
        found: Principal = await principal(member, tx, field="identity")
        return await asking_of(self.decision, found)

    async def _of(
        self,
        held: Held,
        wanted: Selected,
        who: Asking | Member | None,
        now: Micros,
        seen: Seen,
        tx: Transaction,
    ) -> list[Right]:
        found, over = list[Right](), list[str]()
        for binding in held.policy.bindings:
            seen.groups.update(one for one in binding.members if one.startswith(_MANY[:2]))
            if wanted.roles and binding.role not in wanted.roles and not wanted.permissions:
                continue
            members = await self._members(binding, who)
            if not members:
                continue
            over = over or [held.full, *await above(held, tx)]
            carried = await self.decision.carried(binding.role, _levels(over))
            given = carried & wanted.permissions if wanted.permissions else carried
            if wanted.permissions and not given and binding.role not in wanted.roles:
                continue
            condition = await self._condition(binding, held, now)
            found.append(Right(held, tuple(over), binding, members, given, condition))
        return found

    async def _members(self, binding: Binding, who: Asking | Member | None) -> tuple[Member, ...]:
        if who is None:
            return binding.members
        if not isinstance(who, Asking):
            return tuple(one for one in binding.members if one == who)
        return tuple([one for one in binding.members if await names(self.decision, who, one)])

    async def _condition(self, binding: Binding, held: Held, now: Micros) -> Truth:
        expression = binding.condition.expression if binding.condition else None
        situation = Situation(held.name, now, project=held.resource.project)
        return await truth(self.decision, expression, situation)


def _levels(names: list[str]) -> tuple[str, ...]:
    """Return the levels among full names, as policy names them."""
    prefix = f"//{MANAGER}/"
    return tuple(one.removeprefix(prefix) for one in names if one.startswith(prefix))
