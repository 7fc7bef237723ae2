"""Why somebody may do something, or may not: the explanation, and what of it the asker may see.

What the asker may not see is left out and counts as unknown: a policy without the permission to
read it, a custom role, the holders of a basic role on another project, deny policies, boundaries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.errors import invalid
from rempart.core.names import ResourceName
from rempart.core.policy import Resource
from rempart.core.principal import Member, Principal
from rempart.services.answers.held import Held, Located
from rempart.services.answers.places import Places, level
from rempart.services.answers.who import principal, standing
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.deny import permission_pattern
from rempart.trust.policy.explain import (
    Advice,
    BindingExplained,
    DenialExplained,
    Explanation,
    PolicyExplained,
    explain,
)
from rempart.trust.policy.guard import Advisor, Question, Way
from rempart.trust.policy.hierarchy import container_of
from rempart.trust.policy.members import project_member
from rempart.trust.policy.roles import PERMISSIONS
from rempart.trust.policy.roles.custom import key_parts, scope_of

Sees = Callable[[str, Resource], Awaitable[bool]]
"""Whether the asker has a permission on a resource."""


async def sees_all(_permission: str, _resource: Resource) -> bool:
    """Tell that the asker may see everything: whoever has the universe's own root."""
    return True


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: `resource` is a full name; `at` what conditions read in its place, if given.

    `remote`, `headers` and `certificate` (PEM) are those of the call that is thought of, as far as
    they are known; whether the key of the certificate is at hand is not asked.
    """

    principal: str
    permission: str
    resource: str
    time: Micros
    at: ResourceName | None = None
    remote: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class PolicySeen:
    """A policy of an explanation, with what holds it; `seen` tells whether the asker may read it.

    `hidden_roles` are the custom roles in it that the asker may not read, `hidden_members` those
    whose holders it may not know.
    """

    held: Held
    explained: PolicyExplained
    seen: bool
    hidden_roles: frozenset[str] = frozenset()
    hidden_members: frozenset[Member] = frozenset()

    def knows(self, one: BindingExplained) -> bool:
        """Tell whether the asker may know all that decides whether a binding grants."""
        hidden = any(
            named and member in self.hidden_members for member, named in one.members.items()
        )
        return one.binding.role not in self.hidden_roles and not hidden

    @property
    def complete(self) -> bool:
        """Tell whether the asker may see all of it."""
        return self.seen and not self.hidden_roles and not self.hidden_members

    @property
    def grants(self) -> bool:
        """Tell whether a binding grants that the asker may see."""
        return self.seen and any(one.grants and self.knows(one) for one in self.explained.bindings)


@dataclass(frozen=True, slots=True)
class Refused:
    """What refuses besides policies, and why; `unsure` where the caller's address may decide."""

    guard: str
    message: str
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An explanation as far as the asker may see it; None where the resource is unknown here."""

    asked: Asked
    principal: Principal
    located: Located | None = None
    explanation: Explanation | None = None
    policies: tuple[PolicySeen, ...] = ()
    denials: tuple[tuple[DenialExplained, bool], ...] = ()
    denials_seen: bool = False
    boundaries_seen: bool = False
    standing: str = ""
    unseen_guards: tuple[str, ...] = ()

    @property
    def refusals(self) -> tuple[Refused, ...]:
        """Return what refuses besides policies, as far as the asker may know."""
        told = self.explanation
        if told is None or not self.complete:
            return ()
        found = [Refused("IAM", self.standing)] if self.standing else []
        if not told.at_home:
            found.append(Refused("IAM", "The project of the service account is not in use."))
        if not told.in_use or not told.place:
            gone = "The project, folder or organization that it lies in is not in use."
            found.append(Refused("Resource Manager", gone))
        found += [
            Refused(one.guard, one.opinion.refusal, one.opinion.unsure)
            for one in told.refusals
            if one.guard not in self.unseen_guards
        ]
        return tuple(found)

    @property
    def depends(self) -> tuple[Refused, ...]:
        """Return what may yet refuse, by what a call would make, as far as the asker may know."""
        return tuple(
            Refused(one.guard, name)
            for one in (self.explanation.advice if self.explanation and self.complete else ())
            for name in (one.opinion.depends if one.guard not in self.unseen_guards else ())
        )

    @property
    def complete(self) -> bool:
        """Tell whether nothing of the policies is hidden from the asker."""
        return (
            self.explanation is not None
            and all(one.complete for one in self.policies)
            and self.denials_seen
            and self.boundaries_seen
        )

    @property
    def denied(self) -> bool:
        """Tell whether a deny policy that the asker may see is against it."""
        return any(one.denies for one, seen in self.denials if seen)

    @property
    def can(self) -> bool | None:
        """Tell whether the principal can do it, guards included; None where that is hidden."""
        if self.denied:
            return False
        if not self.complete or self.explanation is None:
            return None
        if not self.explanation.allowed or not all(one.unsure for one in self.refusals):
            return False
        return None if self.refusals or self.unseen_guards else True


@dataclass(frozen=True, slots=True)
class Whys:
    """Answers why, with the decision's own eyes; `ways` are the methods by permission."""

    decision: PolicyDecision
    places: Places
    advisors: tuple[Advisor, ...] = ()
    ways: Mapping[str, tuple[Way, ...]] = field(default_factory=dict)

    async def answer(self, asked: Asked, tx: Transaction, sees: Sees) -> Answer:
        """Return the answer; raises `invalid` for what names nobody, nothing or no permission."""
        permission = permission_of(asked.permission)
        who = await principal(asked.principal, tx)
        located = await self.places.find(asked.resource, tx)
        if located is None:
            return Answer(asked, who)
        at = _as_asked(located.resource, asked.at)
        question = Question(
            who, permission, at, asked.time, asked.remote, asked.headers, asked.certificate
        )
        ways = self.ways.get(permission, ())
        told = await explain(self.decision, question, self.advisors, ways)
        holding = _Holding(tx, sees, located)
        policies = tuple(
            [await holding.seen(index, one) for index, one in enumerate(told.policies)]
        )
        levels = [one.level for one in told.policies if one.level]
        able = {name: await holding.level_seen(name, "iam.denypolicies.list") for name in levels}
        return Answer(
            asked,
            who,
            located,
            told,
            policies,
            tuple((one, able[one.level]) for one in told.denials),
            all(able.values()),
            await self._boundaries_seen(holding, levels),
            await standing(who, tx),
            tuple([one.guard for one in told.advice if not await holding.opinion_seen(one)]),
        )

    async def _boundaries_seen(self, holding: _Holding, levels: list[str]) -> bool:
        tops = [one for one in levels if one.startswith("organizations/")]
        permission = "iam.principalaccessboundarypolicies.get"
        if not await self.decision.boundaries.exist():
            # That there is none is no secret of anybody's.
            return True
        return bool(tops) and all([await holding.level_seen(one, permission) for one in tops])


def permission_of(text: str) -> str:
    """Return a permission that may be written as in deny policies; raises `invalid`."""
    permission = (permission_pattern(text) or "") if "/" in text else text
    if permission not in PERMISSIONS:
        message = f"{text[:100]!r} is not a permission that any role of this universe carries."
        raise invalid(message, field="permission")
    return permission


def _as_asked(resource: Resource, at: ResourceName | None) -> Resource:
    """Return the resource under the name that conditions are to read."""
    if at is None:
        return resource
    own = resource.name
    named = ResourceName(at.service or own.service, at.type or own.type, at.name or own.name)
    above = "" if resource.project else resource.above or container_of(resource)
    return replace(resource, name=named, above=above)


@dataclass(frozen=True, slots=True)
class _Holding:
    """What holds the policies of an explanation, and what the asker may see of it."""

    tx: Transaction
    sees: Sees
    located: Located

    async def seen(self, index: int, one: PolicyExplained) -> PolicySeen:
        """Return a policy of the explanation: the resource's own come first, nearest first."""
        held = await level(one.level, self.tx) if one.level else self.located.held[index]
        if held is None:
            raise invalid("The resource is being removed.", field="fullResourceName")
        if not await self.sees(held.see, held.resource):
            return PolicySeen(held, one, seen=False)
        roles = {two.binding.role for two in one.bindings}
        hidden = [role for role in sorted(roles) if not await self._role_seen(role)]
        members = {member for two in one.bindings for member in two.binding.members}
        unknown = [member for member in sorted(members) if not await self._member_seen(member)]
        return PolicySeen(held, one, True, frozenset(hidden), frozenset(unknown))  # noqa: FBT003

    async def level_seen(self, name: str, permission: str) -> bool:
        """Tell whether the asker has a permission on a level."""
        held = await level(name, self.tx)
        return held is not None and await self.sees(permission, held.resource)

    async def opinion_seen(self, one: Advice) -> bool:
        """Tell whether the asker may know what a guard says."""
        return all([await self.level_seen(name, which) for which, name in sorted(one.opinion.see)])

    async def _role_seen(self, role: str) -> bool:
        return key_parts(role) is None or await self.level_seen(scope_of(role), "iam.roles.get")

    async def _member_seen(self, member: Member) -> bool:
        """Tell whether the asker may know whom a member such as `projectOwner:ID` names."""
        stand_in = project_member(member)
        if stand_in is None:
            return True
        permission = "resourcemanager.projects.getIamPolicy"
        return await self.level_seen(f"projects/{stand_in.project}", permission)
