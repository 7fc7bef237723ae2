"""The verbs of Access Context Manager on the sealed engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code, invalid, not_found
from rempart.core.grant import Grant
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Policy, Resource
from rempart.services.accesscontextmanager.kinds import OPERATION, Operation
from rempart.services.accesscontextmanager.model import limits
from rempart.services.accesscontextmanager.model.levels import too_many
from rempart.services.accesscontextmanager.model.shapes import Json
from rempart.services.operations import operation_json, remember
from rempart.trust.custody.sealed import scanned
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import ACCOUNTS
from rempart.trust.policy.hierarchy import FOLDERS, ORGANIZATIONS, PROJECTS, Organization
from rempart.trust.policy.perimeters.documents import (
    ACCESS_BINDINGS,
    ACCESS_POLICIES,
    BINDINGS_MAX,
    AccessBinding,
    AccessPolicy,
    ServicePerimeter,
)
from rempart.trust.policy.registry import find_project
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session

SERVICE = "accesscontextmanager.googleapis.com"
MANAGER = "cloudresourcemanager.googleapis.com"
DEPTH_MAX = 12
Place = tuple[str, ...]
"""A project, folder or organization with what it lies in, upwards; empty for none."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life; `services` are the APIs of this universe."""

    world: World
    services: Callable[[], Iterable[str]]


class Store:
    """Access policies as one session sees them."""

    __slots__ = ("session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx: Transaction = session.tx

    # What policy is asked about.

    async def organization_resource(self, name: str) -> Resource:
        """Return an organization as policy sees it."""
        return Resource(ResourceName(MANAGER, f"{MANAGER}/Organization", name), None)

    async def container_resource(self, name: str) -> Resource:
        """Return a project or folder, named by number, as policy sees it."""
        noun, _, number = name.partition("/")
        if noun == "folders":
            return Resource(ResourceName(MANAGER, f"{MANAGER}/Folder", name), None)
        project = await find_project(self.tx, number)
        id_ = project.id if project else number
        return Resource(
            ResourceName(MANAGER, f"{MANAGER}/Project", f"projects/{id_}"), ProjectId(id_)
        )

    async def policy_resource(self, name: str) -> Resource:
        """Return an access policy as policy sees it: its own IAM policy, in its organization.

        One that is not there has neither, so absent and forbidden have one answer.
        """
        named = ResourceName(SERVICE, f"{SERVICE}/AccessPolicy", name)
        found = await self._policy(name)
        if found is None:
            return Resource(named, None)
        return Resource(named, None, (found.policy,), above=found.parent)

    async def operation_resource(self, name: str) -> Resource:
        """Return what an operation was done in."""
        found = await self.tx.get(OPERATION, name.removeprefix("operations/"))
        return await self.organization_resource(found.organization if found else name)

    # Policies.

    async def policy(self, grant: Grant, name: str) -> AccessPolicy:
        """Return an access policy; raises `not_found`."""
        found = await self._policy(name)
        if found is None:
            raise not_found(f"{name} not found.")
        return found

    async def policies(self, grant: Grant, organization: str) -> list[AccessPolicy]:
        """Return the access policies of an organization by number."""
        every = scanned(self.tx, ACCESS_POLICIES, ACCESS_POLICIES.under())
        return [one.value async for one in every if one.value.parent == organization]

    async def create_policy(self, grant: Grant, policy: AccessPolicy) -> AccessPolicy:
        """Store a new access policy under a fresh number; at most one covers a scope."""
        if await self._organization(policy.parent) is None:
            raise not_found(f"{policy.parent} not found.")
        await self._check_scopes(grant, policy)
        number = str(10**11 + int.from_bytes(self.setup.world.random(8), "big") % (9 * 10**11))
        made = replace(policy, number=number, policy=Policy(etag=self.etag()), created=self.now)
        # Two that are made at once would not see each other: the organization decides between them.
        await self._claim(policy.parent)
        return self.put_policy(grant, made)

    def put_policy(self, grant: Grant, policy: AccessPolicy) -> AccessPolicy:
        """Store an access policy with a fresh etag, and return it."""
        stored = replace(policy, etag=self.etag())
        self.tx.put(ACCESS_POLICIES, policy.number, value=stored)
        return stored

    def delete_policy(self, grant: Grant, policy: AccessPolicy) -> None:
        """Remove an access policy with all that it holds."""
        self.tx.delete(ACCESS_POLICIES, policy.number)

    async def check_places(
        self, grant: Grant, policy: AccessPolicy, perimeter: ServicePerimeter
    ) -> None:
        """Raise `invalid` unless what a perimeter holds exists in the policy's scope."""
        scope = set(policy.scopes or (policy.parent,))
        for field, config in (("status", perimeter.status), ("spec", perimeter.spec)):
            for resource in config.resources if config else ():
                place = await self.place(resource)
                if not place or scope.isdisjoint(place):
                    message = f"{resource} is not in the scope of {policy.name}."
                    raise invalid(message, field=f"{field}.resources")

    async def numbered(self, name: str) -> str:
        """Return a name in which a project goes by its number, as perimeters have it."""
        noun, _, id_ = name.partition("/")
        project = await find_project(self.tx, id_) if noun == "projects" else None
        return f"projects/{project.number}" if project else name

    async def place(self, name: str) -> Place:
        """Return a project by number, a folder or an organization with what it lies in."""
        chain: list[str] = []
        while name and len(chain) < DEPTH_MAX:
            noun, _, id_ = name.partition("/")
            parent = await self._parent(noun, id_)
            if parent is None:
                return ()
            chain.append(name)
            name = parent
        return tuple(chain)

    async def place_of_account(self, email: str) -> Place:
        """Return where a service account's project lies, upwards; empty for no such account."""
        account = await self.tx.get(ACCOUNTS, email)
        if account is None:
            return ()
        project = await self.tx.get(PROJECTS, account.project)
        return await self.place(f"projects/{project.number}") if project else ()

    # Bindings.

    async def binding(self, grant: Grant, name: str) -> AccessBinding:
        """Return a binding; raises `not_found`."""
        found = await self.tx.get(ACCESS_BINDINGS, *_parts(name))
        if found is None:
            raise not_found(f"{name} not found.")
        return found

    async def bindings(self, grant: Grant, organization: str) -> dict[str, AccessBinding]:
        """Return the bindings of an organization by name."""
        span = ACCESS_BINDINGS.under(organization.removeprefix("organizations/"))
        found = await self.tx.scan(ACCESS_BINDINGS, span, limit=BINDINGS_MAX)
        return {one.value.name: one.value for one in found}

    def put_binding(self, grant: Grant, binding: AccessBinding) -> None:
        """Store a binding."""
        self.tx.put(ACCESS_BINDINGS, *_parts(binding.name), value=binding)

    def delete_binding(self, grant: Grant, name: str) -> None:
        """Remove a binding."""
        self.tx.delete(ACCESS_BINDINGS, *_parts(name))

    async def has_level(self, grant: Grant, organization: str, name: str) -> bool:
        """Tell whether an access policy of an organization has a level."""
        policy = await self._policy("/".join(name.split("/")[:2]))
        there = policy is not None and policy.parent == organization
        return there and policy is not None and name.rpartition("/")[2] in policy.levels

    # Operations.

    async def finished(
        self, grant: Grant, organization: str, response: Json, metadata: Json
    ) -> Json:
        """Remember an operation that is done and return it; the oldest are forgotten."""
        done = Operation(
            organization=organization, created=self.now, metadata=metadata, response=response
        )
        id_ = await remember(self.tx, OPERATION, operation=done, world=self.setup.world)
        return operation_json(f"operations/{id_}", done)

    async def operation(self, grant: Grant, name: str) -> Operation:
        """Return an operation that is remembered; raises `not_found`."""
        found = await self.tx.get(OPERATION, name.removeprefix("operations/"))
        if found is None:
            raise not_found(f"{name} not found.")
        return found

    def etag(self) -> str:
        """Return a fresh entity tag."""
        return new_etag(self.setup.world.random)

    @property
    def now(self) -> Micros:
        """Return the time of this session's writes."""
        return self.setup.world.clock()

    async def _policy(self, name: str) -> AccessPolicy | None:
        return await self.tx.get(ACCESS_POLICIES, name.removeprefix("accessPolicies/"))

    async def _organization(self, name: str) -> Organization | None:
        return await self.tx.get(ORGANIZATIONS, name.removeprefix("organizations/"))

    async def _claim(self, organization: str) -> None:
        """Write an organization as it is, so that of two commits at once one is made again."""
        number = organization.removeprefix("organizations/")
        found = await self.tx.get(ORGANIZATIONS, number)
        if found is not None:
            self.tx.put(ORGANIZATIONS, number, value=found)

    async def _check_scopes(self, grant: Grant, policy: AccessPolicy) -> None:
        existing = await self.policies(grant, policy.parent)
        for one in existing:
            if one.scopes == policy.scopes:
                what = policy.scopes[0] if policy.scopes else policy.parent
                message = f"An access policy for {what} exists already: {one.name}."
                raise CloudError(Code.ALREADY_EXISTS, message, reason="conflict")
        if policy.scopes and sum(1 for one in existing if one.scopes) >= limits.SCOPED_POLICIES_MAX:
            most = limits.SCOPED_POLICIES_MAX
            raise too_many(f"An organization has at most {most} scoped access policies.")
        for scope in policy.scopes:
            if policy.parent not in await self.place(scope):
                raise invalid(f"{scope} is not in {policy.parent}.", field="scopes")

    async def _parent(self, noun: str, id_: str) -> str | None:
        """Return the name of what something lies in, None where it is not there."""
        if noun == "organizations":
            return "" if await self.tx.get(ORGANIZATIONS, id_) is not None else None
        if noun == "folders":
            folder = await self.tx.get(FOLDERS, id_)
            return folder.parent if folder else None
        project = await find_project(self.tx, id_) if id_.isdecimal() else None
        return project.parent if project else None


def _parts(name: str) -> tuple[str, str]:
    """Return the organization's number and the id in a binding's name."""
    _, number, _, id_ = name.split("/")
    return number, id_
