"""Principal access boundary policies and their bindings as one session sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from rempart.core.errors import CloudError, Code, already_exists, invalid, not_found
from rempart.core.grant import Grant
from rempart.core.pages import Page
from rempart.core.policy import Resource
from rempart.services.iam.attachment import Attachment, attachment
from rempart.services.iam.boundaries.model import (
    BINDINGS_OF_A_TARGET_MAX,
    MANAGER,
    POLICIES_MAX,
    TARGET,
    binding_json,
    policy_name,
)
from rempart.services.iam.operations import OPERATIONS, Json, finished, operation, operation_json
from rempart.services.iam.policy_store import PolicyStore
from rempart.services.listing import listed
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.custody.sealed import scanned
from rempart.trust.identity.federation.pools import POOLS
from rempart.trust.policy.around import container_names
from rempart.trust.policy.boundaries import (
    BOUNDARY_POLICIES,
    POLICY_BINDINGS,
    BoundaryPolicy,
    BoundaryRule,
    PolicyBinding,
)
from rempart.trust.policy.boundaries import POOLS as HOST

T = TypeVar("T")
_METADATA = "google.iam.v3.OperationMetadata"


@dataclass(frozen=True, slots=True)
class Named:
    """A level, and what is named below its location: a policy, a binding, an operation, or none."""

    at: Attachment
    id: str

    @property
    def location(self) -> str:
        """Return the name of the level's location."""
        return f"{self.at.shown}/locations/global"

    @property
    def parts(self) -> tuple[str, str, str]:
        """Return the parts of a binding's key."""
        return (self.at.noun, self.at.id, self.id)


class BoundaryStore(PolicyStore):
    """Policies, bindings, and the operations on them."""

    __slots__ = ()

    async def named(self, text: str, *, field: str = "name") -> Named:
        """Return what a name of the form `LEVEL/locations/global[/NOUN/ID]` means."""
        level, _, below = text.partition("/locations/")
        location, _, rest = below.partition("/")
        if location != "global":
            raise invalid("The location must be global.", field=field)
        return Named(await attachment(self.tx, level, field=field), rest.partition("/")[2])

    # Policies.

    async def policy(self, grant: Grant, name: Named) -> BoundaryPolicy:
        """Return a policy; raises `not_found`."""
        found = await self.tx.get(BOUNDARY_POLICIES, name.at.id, name.id)
        if found is None:
            raise not_found(f"{policy_name(name.at.id, name.id)} does not exist.")
        return found

    async def add_policy(self, grant: Grant, name: Named, made: BoundaryPolicy) -> None:
        """Store a new policy; raises `already_exists`."""
        if await self.tx.get(BOUNDARY_POLICIES, name.at.id, name.id) is not None:
            raise already_exists(f"{policy_name(name.at.id, name.id)} already exists.")
        span = BOUNDARY_POLICIES.under(name.at.id)
        if len(await self.tx.scan(BOUNDARY_POLICIES, span, limit=POLICIES_MAX)) == POLICIES_MAX:
            raise CloudError(
                Code.RESOURCE_EXHAUSTED,
                f"An organization has up to {POLICIES_MAX} principal access boundary policies.",
                reason="quotaExceeded",
            )
        self.put_policy(grant, name, made)

    def put_policy(self, grant: Grant, name: Named, made: BoundaryPolicy) -> None:
        """Store a policy."""
        self.tx.put(BOUNDARY_POLICIES, name.at.id, name.id, value=made)

    async def delete_policy(self, grant: Grant, name: Named, *, force: bool) -> None:
        """Remove a policy, and with `force` its bindings; raises if there are any."""
        bound = await self.bindings(
            lambda one: (one.organization, one.policy) == (name.at.id, name.id)
        )
        if bound and not force:
            raise CloudError(
                Code.FAILED_PRECONDITION,
                f"{policy_name(name.at.id, name.id)} has {len(bound)} bindings; delete them "
                "first, or ask for force.",
                reason="failedPrecondition",
            )
        for _, at, id_ in bound:
            self.tx.delete(POLICY_BINDINGS, *at.split("/"), id_)
        self.tx.delete(BOUNDARY_POLICIES, name.at.id, name.id)

    async def placed(self, rules: Sequence[BoundaryRule]) -> tuple[BoundaryRule, ...]:
        """Return rules with the levels that their resources are."""
        placed = []
        for rule in rules:
            levels = [
                (await attachment(self.tx, one.removeprefix(MANAGER), field="details.rules")).name
                for one in rule.resources
            ]
            placed.append(replace(rule, levels=tuple(levels)))
        return tuple(placed)

    # Bindings.

    async def binding(self, grant: Grant, name: Named) -> PolicyBinding:
        """Return a binding; raises `not_found`."""
        found = await self.tx.get(POLICY_BINDINGS, *name.parts)
        if found is None:
            raise not_found(f"{binding_name(name.at.shown, name.id)} does not exist.")
        return found

    async def add_binding(self, grant: Grant, name: Named, made: PolicyBinding) -> None:
        """Store a new binding; raises `already_exists`."""
        if await self.tx.get(POLICY_BINDINGS, *name.parts) is not None:
            raise already_exists(f"{binding_name(name.at.shown, name.id)} already exists.")
        same = await self.bindings(lambda one: one.target == made.target)
        if len(same) >= BINDINGS_OF_A_TARGET_MAX:
            raise invalid(
                f"{made.target} is bound {len(same)} times already, which is as often as it may.",
                field="target",
            )
        self.put_binding(grant, name, made)

    def put_binding(self, grant: Grant, name: Named, made: PolicyBinding) -> None:
        """Store a binding."""
        self.tx.put(POLICY_BINDINGS, *name.parts, value=made)

    def delete_binding(self, grant: Grant, name: Named) -> None:
        """Remove a binding."""
        self.tx.delete(POLICY_BINDINGS, *name.parts)

    async def target(self, principals: str, at: Attachment) -> str:
        """Return a set of principals in the one form that is compared, if it belongs at a level."""
        field = "target.principalSet"
        if principals.startswith(MANAGER):
            level = await attachment(self.tx, principals.removeprefix(MANAGER), field=field)
            fits, form = level == at, f"{MANAGER}{level.shown}"
        else:
            found = TARGET.fullmatch(principals)
            fits = found is not None and (
                found[1] == at.shown if found[1] else await self._is_of(principals, at)
            )
            form = principals
        if not fits:
            message = f"{principals[:200]!r} is no set of principals that is bound at {at.shown}."
            raise invalid(message, field=field)
        return form

    async def _is_of(self, principals: str, at: Attachment) -> bool:
        """Tell whether people are an organization's own: it binds those of no other."""
        name = principals.removeprefix(HOST)
        if "/workforcePools/" not in name:
            return at.noun == "organizations"
        pool = await self.tx.get(POOLS, name)
        return pool is not None and pool.parent == at.name

    async def organization(self, resource: Resource) -> str:
        """Return the number of the organization that a level is in, empty without one."""
        names = await container_names(self.tx, resource)
        top = names[-1] if names else ""
        return top.removeprefix("organizations/") if top.startswith("organizations/") else ""

    async def bindings(
        self, wanted: Callable[[PolicyBinding], bool]
    ) -> list[tuple[PolicyBinding, str, str]]:
        """Return the bindings of the universe that are wanted, each with its level and id."""
        found = list[tuple[PolicyBinding, str, str]]()
        async for one in scanned(self.tx, POLICY_BINDINGS, POLICY_BINDINGS.under()):
            noun, id_, _ = one.key[1:].decode().split("\x00")[:3]
            if wanted(one.value):
                found.append((one.value, f"{noun}/{id_}", one.id))
        return found

    async def shown_binding(self, level: str, id_: str, binding: PolicyBinding) -> Json:
        """Return a binding as JSON."""
        at = await attachment(self.tx, level, field="name")
        return binding_json(binding_name(at.shown, id_), binding)

    # Pages and operations.

    async def listed(
        self, grant: Grant, kind: Kind[T], above: tuple[str, ...], asked: Page
    ) -> tuple[list[Found[T]], str]:
        """Return a page of documents and the token of the next."""
        return await listed(self.tx, kind, kind.under(*above), asked)

    async def finished(self, name: Named, type_: str, response: Json) -> Json:
        """Remember an operation that is done and return it."""
        done = operation(name.location, self.now, (_METADATA, type_), response)
        return await finished(self.tx, (name.at.noun, name.at.id), done, self._world)

    async def operation(self, grant: Grant, name: Named) -> Json:
        """Return an operation that is remembered; raises `not_found`."""
        found = await self.tx.get(OPERATIONS, *name.parts)
        if found is None or found.name != name.location:
            raise not_found("The operation does not exist.")
        return operation_json(name.id, found)


def binding_name(level: str, id_: str) -> str:
    """Return the name of a binding."""
    return f"{level}/locations/global/policyBindings/{id_}"
