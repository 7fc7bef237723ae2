"""The decision: may this principal do this to that resource now? The one place that makes Grants.

A permission is granted by any binding, on the resource or on anything above it, whose role carries
it, whose members name the principal, and whose condition holds. Nothing else grants; an error,
an unknown role, an unknown kind of member and a project that is being deleted never do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, ErrorInfo, denied, unauthenticated
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.core.principal import ALL_AUTHENTICATED_USERS, ALL_USERS, Member, Principal
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.compiled import EMPTY, Compiled, Conditional, compiled
from rempart.trust.policy.conditions import Situation, asks_for_tags, holds
from rempart.trust.policy.hierarchy import State, ancestors
from rempart.trust.policy.lineage import Lineages, policies_of
from rempart.trust.policy.members import ProjectMember
from rempart.trust.policy.scopes import permit
from rempart.trust.policy.tags import EffectiveTags

_MANAGER = "cloudresourcemanager.googleapis.com"
_NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})
_NOTHING: frozenset[str] = frozenset()
_STORAGE_NOUNS = {
    "storage.googleapis.com/Bucket": "Google Cloud Storage bucket",
    "storage.googleapis.com/Object": "Google Cloud Storage object",
    "storage.googleapis.com/ManagedFolder": "Google Cloud Storage managed folder",
    "storage.googleapis.com/Folder": "Google Cloud Storage folder",
}


class PolicyDecision:
    """Answers MAY."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world
        self._lineages = Lineages(sealed)
        self._tags = EffectiveTags(sealed)

    async def authorise(
        self,
        principal: Principal,
        permission: str,
        resource: Resource,
        *,
        time: Micros,
        attributes: Mapping[str, str] = _NO_ATTRIBUTES,
    ) -> Grant:
        """Return the grant, or raise 403, or 401 for the anonymous caller.

        `attributes` are what conditions may read by `api.getAttribute`. The answer for a resource
        that is not there (no policies, no project) is the one for a resource that is forbidden.
        """
        if principal.scopes is not None and not permit(principal.scopes, permission):
            raise _scope_refusal(permission)
        if not await self._granted(principal, permission, resource, time, attributes):
            raise refusal(principal, permission, resource)
        return Grant(principal, permission, resource.name, time)

    def public(self, principal: Principal, resource: Resource, *, time: Micros) -> Grant:
        """Return the grant of a method that declares why it asks for no permission."""
        return Grant(principal, "", resource.name, time)

    async def allowed(
        self,
        principal: Principal,
        permission: str,
        resource: Resource,
        *,
        time: Micros,
        attributes: Mapping[str, str] = _NO_ATTRIBUTES,
    ) -> bool:
        """Tell whether `authorise` would return a grant."""
        if principal.scopes is not None and not permit(principal.scopes, permission):
            return False
        return await self._granted(principal, permission, resource, time, attributes)

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
        attributes: Mapping[str, str],
    ) -> bool:
        names = _names(principal, public=resource.public)
        own = tuple(map(compiled, resource.policies))
        if _names_any(own, names, permission):
            return await self._lives(resource, permission)
        inherited = await self._inherited(resource, permission)
        if inherited is None:
            return False
        parts = (*own, inherited)
        if _names_any((inherited,), names, permission) or await self._stood_for(
            parts, principal, permission
        ):
            return True
        situation = Situation(resource.name, time, attributes, resource.project)
        for binding in [binding for part in parts for binding in part.conditional]:
            if await self._counts(binding, principal, names, permission, situation):
                return True
        return False

    async def _stood_for(
        self, parts: Iterable[Compiled], principal: Principal, permission: str
    ) -> bool:
        for part in parts:
            for stand_in, carried in part.project_members:
                if permission in carried and await self._stands_for(stand_in, principal):
                    return True
        return False

    async def _counts(
        self,
        binding: Conditional,
        principal: Principal,
        names: tuple[Member, ...],
        permission: str,
        situation: Situation,
    ) -> bool:
        """Tell whether a conditional binding grants; its condition is asked last."""
        if permission not in binding.permissions:
            return False
        if binding.members.isdisjoint(names):
            for stand_in in binding.project_members:
                if await self._stands_for(stand_in, principal):
                    break
            else:
                return False
        if asks_for_tags(binding.expression):
            tags = await self._tags.of(situation.resource, situation.project)
            situation = msgspec.structs.replace(situation, tags=tags)
        return holds(binding.expression, situation)

    async def _stands_for(self, stand_in: ProjectMember, principal: Principal) -> bool:
        """Tell whether a principal holds a basic role on a project, there or from above."""
        if principal.anonymous:
            return False
        lineage = await self._lineages.of(stand_in.project)
        if lineage is None or not lineage.active:
            return False
        return stand_in.role in lineage.inherited.roles.get(principal.member, _NOTHING)

    async def _lives(self, resource: Resource, permission: str) -> bool:
        """Tell whether a resource's project, if it is in one, is in use."""
        if resource.project is None:
            return True
        state = await self._lineages.state(resource.project)
        return state is State.ACTIVE or (state is not None and _rescues(permission))

    async def _inherited(self, resource: Resource, permission: str) -> Compiled | None:
        """Return the bindings above a resource; None where nothing may be granted at all."""
        if resource.project is not None:
            lineage = await self._lineages.of(resource.project)
            if lineage is None:
                return None
            return lineage.inherited if lineage.active or _rescues(permission) else None
        if resource.name.service == _MANAGER:
            return policies_of(await ancestors(self._sealed, resource.name.name))
        return EMPTY


def refusal(principal: Principal, permission: str, resource: Resource) -> CloudError:
    """Return the answer for a caller without a permission, or for a resource that is not there.

    Cloud Storage names the caller and the kind of resource; the other APIs name the resource, and
    say both once more in google.rpc.ErrorInfo.
    """
    if permission.startswith("storage."):
        return _storage_refusal(principal, permission, resource)
    if principal.anonymous:
        text = "Request is missing required authentication credential."
        return unauthenticated(text, reason="required", info=ErrorInfo("CREDENTIALS_MISSING"))
    name, service = resource.name.name, permission.partition(".")[0]
    domain = _MANAGER if service == "resourcemanager" else f"{service}.googleapis.com"
    return denied(
        f"Permission '{permission}' denied on resource '{name}' (or it may not exist).",
        info=ErrorInfo(
            "IAM_PERMISSION_DENIED", domain, (("permission", permission), ("resource", name))
        ),
    )


def _scope_refusal(permission: str) -> CloudError:
    if permission.startswith("storage."):
        return denied("Provided scope(s) are not authorized")
    text = "Request had insufficient authentication scopes."
    return denied(text, info=ErrorInfo("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))


def _storage_refusal(principal: Principal, permission: str, resource: Resource) -> CloudError:
    who = "Anonymous caller" if principal.anonymous else principal.email
    noun = _STORAGE_NOUNS.get(resource.name.type, "Google Cloud project")
    text = (
        f"{who} does not have {permission} access to the {noun}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )
    return unauthenticated(text, reason="required") if principal.anonymous else denied(text)


def _names_any(parts: Iterable[Compiled], names: tuple[Member, ...], permission: str) -> bool:
    """Tell whether an unconditional binding gives a permission to one of these members."""
    for part in parts:
        for name in names:
            if permission in part.permissions.get(name, _NOTHING):
                return True
    return False


def _rescues(permission: str) -> bool:
    """Tell whether a permission is about a project itself, and so outlives its deletion."""
    return permission.startswith("resourcemanager.")


def _names(principal: Principal, *, public: bool) -> tuple[Member, ...]:
    """Return the members that name a principal."""
    if principal.anonymous:
        return (ALL_USERS,) if public else ()
    own = (principal.member, *principal.sets)
    return (*own, ALL_AUTHENTICATED_USERS, ALL_USERS) if public else own
