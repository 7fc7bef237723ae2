"""The decision: may this principal do this to that resource now? The one place that makes Grants.

Deny policies and boundaries are asked first. Then a permission is granted by any binding, on the
resource or on anything above it, whose role carries it, whose members name the principal, and whose
condition holds. Nothing else grants; an error, an unknown role, an unknown kind of member and a
project that is being deleted never do. A custom role counts as it is now, within the project or
organization that it belongs to. The refusal is the same whatever refuses.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rempart.core.call import NOBODY, Peer
from rempart.core.clock import Micros, World
from rempart.core.grant import Approved, Grant
from rempart.core.names import ProjectId
from rempart.core.policy import Resource
from rempart.core.principal import ALL_USERS, Principal
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.asking import (
    Asking,
    by_place_of,
    names_any,
    names_of,
    situation_of,
)
from rempart.trust.policy.boundaries import (
    BOUNDARY_POLICIES,
    POLICY_BINDINGS,
    Boundaries,
    spared,
)
from rempart.trust.policy.changes import Concluded
from rempart.trust.policy.compiled import Carried, Compiled, Conditional, compiled
from rempart.trust.policy.conditions import (
    Situation,
    asks_for_levels,
    asks_for_tags,
    holds,
    spares,
)
from rempart.trust.policy.custom_roles import CUSTOM_ROLES
from rempart.trust.policy.deny import DENY_POLICIES, Denials
from rempart.trust.policy.hierarchy import State, container_of
from rempart.trust.policy.lineage import HIERARCHY, NO_LINEAGE, Lineage, Lineages
from rempart.trust.policy.members import ProjectMember
from rempart.trust.policy.perimeters.documents import ACCESS_POLICIES
from rempart.trust.policy.perimeters.held import HeldLevels
from rempart.trust.policy.perimeters.origin import Origins
from rempart.trust.policy.refusals import refusal, scope_refusal
from rempart.trust.policy.roles import PREDEFINED, permissions_of
from rempart.trust.policy.roles.custom import key_parts, scope_of
from rempart.trust.policy.scopes import permit
from rempart.trust.policy.tags import TAGS, EffectiveTags

_NOTHING: frozenset[str] = frozenset()
RESTRICTIONS = (DENY_POLICIES, BOUNDARY_POLICIES, POLICY_BINDINGS)
"""Kinds of documents that take away what bindings grant."""

DECIDING = (*HIERARCHY, CUSTOM_ROLES, *RESTRICTIONS, TAGS, ACCESS_POLICIES)
"""Kinds of documents that a decision rests on, besides the resource's own."""


class PolicyDecision:
    """Answers MAY."""

    def __init__(self, sealed: SealedEngine, world: World, origins: Origins | None = None) -> None:
        self._sealed = sealed
        self._origins = origins or Origins()
        self._levels = HeldLevels(sealed)
        self._world = world
        self._lineages = Lineages(sealed)
        self._tags = EffectiveTags(sealed)
        self.denials = Denials(sealed)
        self.boundaries = Boundaries(sealed)
        self._restricted = Concluded(sealed, RESTRICTIONS, self._any_restriction)

    async def authorise(
        self,
        principal: Principal,
        permission: str,
        resource: Resource,
        *,
        time: Micros,
        peer: Peer = NOBODY,
        approved: Approved | None = None,
    ) -> Grant:
        """Return the grant, or raise 403, or 401 for the anonymous caller.

        `peer` is whom the call comes from, for access levels. The answer for a
        resource that is not there (no policies, no project) is the one for one that is forbidden.
        `approved` is the approval under which the caller acts for whom this principal, an agent,
        asks.
        """
        if principal.scopes is not None and not permit(principal.scopes, permission):
            raise scope_refusal(permission)
        if not await self._granted(principal, permission, resource, time, peer):
            raise refusal(principal, permission, resource)
        if approved is None:
            return Grant(principal, permission, resource.name, time)
        return _under(approved, principal, permission, resource, time)

    async def by_approval(
        self,
        principal: Principal,
        permission: str,
        resource: Resource,
        approved: Approved,
        *,
        time: Micros,
        peer: Peer = NOBODY,
    ) -> Grant:
        """Return the grant that a customer's approval gives, whatever bindings there are.

        What takes away still does: the credential's scopes, deny policies, boundaries, and that the
        project of the resource or of the account is not in use.
        """
        if principal.scopes is not None and not permit(principal.scopes, permission):
            raise scope_refusal(permission)
        situation = situation_of(principal, permission, resource, time, peer)
        if (
            not await self.lives(principal.project, permission)
            or not await self.lives(resource.project, permission)
            or (
                await self._restricted.of("")
                and await self._forbidden(principal, permission, resource, situation)
            )
        ):
            raise refusal(principal, permission, resource)
        return _under(approved, principal, permission, resource, time)

    def public(
        self,
        principal: Principal,
        resource: Resource,
        *,
        time: Micros,
        approved: Approved | None = None,
    ) -> Grant:
        """Return the grant of a method that declares why it asks for no permission."""
        if approved is None:
            return Grant(principal, "", resource.name, time)
        return _under(approved, principal, "", resource, time)

    async def allowed(
        self,
        principal: Principal,
        permission: str,
        resource: Resource,
        *,
        time: Micros,
        peer: Peer = NOBODY,
    ) -> bool:
        """Tell whether `authorise` would return a grant."""
        if principal.scopes is not None and not permit(principal.scopes, permission):
            return False
        return await self._granted(principal, permission, resource, time, peer)

    async def test(
        self, principal: Principal, permissions: Iterable[str], resource: Resource
    ) -> tuple[str, ...]:
        """Return which of these permissions the principal has now, in their order."""
        now = self._world.clock()
        return tuple(
            [
                permission
                for permission in permissions
                if await self.allowed(principal, permission, resource, time=now)
            ]
        )

    async def _granted(
        self,
        principal: Principal,
        permission: str,
        resource: Resource,
        time: Micros,
        peer: Peer,
    ) -> bool:
        own_project = principal.project
        if own_project != resource.project and not await self.lives(own_project, permission):
            return False
        if self._restricted.known("") is not False and await self._restricted.of(""):
            situation = situation_of(principal, permission, resource, time, peer)
            if await self._forbidden(principal, permission, resource, situation):
                return False
        names = names_of(principal, public=resource.public)
        own = tuple(map(compiled, resource.policies))
        if names_any(own, names, permission):
            return await self.lives(resource.project, permission)
        lineage = await self.lineage(resource)
        if lineage is None or not (lineage.active or rescues(permission)):
            return False
        if names_any((lineage.inherited,), names, permission):
            return True
        parts = (*own, lineage.inherited)
        by_place = any(part.by_place for part in parts)
        home = await self.home(principal) if by_place else None
        sets = by_place_of(principal, home)
        asking = Asking(principal, names, sets, permission, lineage.names)
        situation = situation_of(principal, permission, resource, time, peer)
        return await self._granted_by_more(asking, parts, situation)

    async def _granted_by_more(
        self, asking: Asking, parts: tuple[Compiled, ...], situation: Situation
    ) -> bool:
        """Tell whether anything grants besides a predefined role to a member by its own name."""
        return (
            names_any(parts, asking.sets, asking.permission)
            or await self._by_custom_role(parts, asking)
            or await self._stood_for(parts, asking)
            or await self._by_condition(parts, asking, situation)
        )

    async def restricted(self) -> bool:
        """Tell whether there are deny policies or boundaries at all."""
        return await self._restricted.of("")

    async def _any_restriction(self, _: str) -> bool:
        """Tell whether there are deny policies or boundaries at all."""
        return await self.denials.exist() or await self.boundaries.exist()

    async def _forbidden(
        self, principal: Principal, permission: str, resource: Resource, situation: Situation
    ) -> bool:
        """Tell whether a deny policy or a boundary forbids what is asked, whoever grants it."""
        lineage, home = await self.lineage(resource), await self.home(principal)
        if lineage is None or home is None:
            return True
        who = (principal.member, *principal.sets, *by_place_of(principal, home), ALL_USERS)
        for denial in await self.denials.at(lineage.names, permission, who):
            told = await self.told(denial.expression, situation)
            if not (denial.expression and spares(denial.expression, told)):
                return True
        return not spared(permission) and await self.boundaries.shut_out(
            principal, home.places, lineage.names, situation
        )

    async def home(self, principal: Principal) -> Lineage | None:
        """Return what an identity lies in; None where that is not there."""
        if principal.project is not None:
            return await self._lineages.of(principal.project)
        organization = principal.organization
        return await self._lineages.at(organization) if organization else NO_LINEAGE

    async def _by_custom_role(self, parts: Iterable[Compiled], asking: Asking) -> bool:
        for part in parts:
            if not part.custom:
                continue
            for name in asking.named:
                if await self.custom(part.custom.get(name, _NOTHING), asking):
                    return True
        return False

    async def _stood_for(self, parts: Iterable[Compiled], asking: Asking) -> bool:
        for part in parts:
            for stand_in, carried in part.project_members.items():
                if await self._carries(carried, asking) and await self.stands_for(
                    stand_in, asking.principal
                ):
                    return True
        return False

    async def _by_condition(
        self, parts: Iterable[Compiled], asking: Asking, situation: Situation
    ) -> bool:
        """Tell whether a conditional binding grants; its condition is asked last."""
        for part in parts:
            for name in asking.named if part.conditional else ():
                if await self._holds(part.conditional.get(name, ()), asking, situation):
                    return True
            for stand_in, bindings in part.conditional_project_members.items():
                if await self.stands_for(stand_in, asking.principal) and await self._holds(
                    bindings, asking, situation
                ):
                    return True
        return False

    async def _holds(
        self, bindings: Iterable[Conditional], asking: Asking, situation: Situation
    ) -> bool:
        for one in bindings:
            if await self._carries(one.carried, asking) and holds(
                one.expression, await self.told(one.expression, situation)
            ):
                return True
        return False

    async def told(self, expression: str, situation: Situation) -> Situation:
        """Return the situation, with the tags and access levels that a condition may want."""
        if asks_for_tags(expression):
            tags = await self._tags.of(situation.resource, situation.project)
            situation = msgspec.structs.replace(situation, tags=tags)
        if asks_for_levels(expression):
            origin = await self._origins.of(situation.peer, situation.member, situation.time)
            levels = await self._levels.among(expression, origin)
            situation = msgspec.structs.replace(situation, levels=levels)
        return situation

    async def _carries(self, carried: Carried, asking: Asking) -> bool:
        return asking.permission in carried.permissions or await self.custom(carried.custom, asking)

    async def custom(self, roles: Iterable[str], asking: Asking) -> bool:
        """Tell whether one of these custom roles, as it is now, carries the permission here."""
        for role in roles:
            if asking.permission in await self.carried(role, asking.levels):
                return True
        return False

    async def carried(self, role: str, levels: tuple[str, ...]) -> frozenset[str]:
        """Return what a role carries now on a resource that lies in these levels."""
        if role in PREDEFINED:
            return permissions_of(role)
        parts = key_parts(role)
        if parts is None or scope_of(role) not in levels:
            return _NOTHING
        found = await self._sealed.find(CUSTOM_ROLES, CUSTOM_ROLES.key(*parts))
        return found.value.permissions if found and found.value.grants else _NOTHING

    async def stands_for(self, stand_in: ProjectMember, principal: Principal) -> bool:
        """Tell whether a principal holds a basic role on a project, there or from above."""
        if principal.anonymous:
            return False
        lineage = await self._lineages.of(stand_in.project)
        if lineage is None or not lineage.active:
            return False
        return stand_in.role in lineage.inherited.roles.get(principal.member, _NOTHING)

    async def lives(self, project: ProjectId | None, permission: str) -> bool:
        """Tell whether the project of a resource or of an account, if any, is in use."""
        if project is None:
            return True
        state = await self._lineages.state(project)
        return state is State.ACTIVE or (state is not None and rescues(permission))

    async def lineage(self, resource: Resource) -> Lineage | None:
        """Return what is above a resource; None where its project, folder, … is not there."""
        container = container_of(resource)
        return await self._lineages.at(container) if container else NO_LINEAGE


def _under(
    approved: Approved, principal: Principal, permission: str, resource: Resource, time: Micros
) -> Grant:
    return Grant(
        principal,
        permission,
        resource.name,
        time,
        approved.name,
        approved.reason,
        approved.evidence,
    )


def rescues(permission: str) -> bool:
    """Tell whether a permission is about a project itself, and so outlives its deletion."""
    return permission.startswith("resourcemanager.")
