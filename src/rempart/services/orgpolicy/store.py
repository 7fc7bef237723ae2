"""Organization Policy's verbs on the sealed engine. Every verb that touches data takes a Grant."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code, already_exists, not_found
from rempart.core.grant import Grant
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.services.orgpolicy.model.names import CustomName, PolicyName
from rempart.trust.policy.hierarchy import FOLDERS, ORGANIZATIONS, Project
from rempart.trust.policy.organization.constraint import Constraint
from rempart.trust.policy.organization.constraints import CONSTRAINTS
from rempart.trust.policy.organization.custom_policy import as_constraint
from rempart.trust.policy.organization.documents import (
    CUSTOM,
    POLICIES_MAX,
    POLICY,
    CustomConstraint,
    OrgPolicy,
)
from rempart.trust.policy.organization.policies import Policies
from rempart.trust.policy.registry import find_project
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session

SERVICE = "cloudresourcemanager.googleapis.com"
_NOUNS = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    policies: Policies
    regions: tuple[str, ...]
    world: World


class OrgPolicyStore:
    """The documents of organization policy as one session sees them."""

    __slots__ = ("session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx = session.tx

    # What policy is asked about, before there is a grant.

    async def resource(self, container: str) -> Resource:
        """Return a project, folder or organization as policy sees it, there or not."""
        noun, _, id_ = (await self.container(container)).partition("/")
        name = ResourceName(SERVICE, f"{SERVICE}/{_NOUNS[noun]}", f"{noun}/{id_}")
        return Resource(name, ProjectId(id_) if noun == "projects" else None)

    async def container(self, name: str) -> str:
        """Return the name under which a container's policies are kept: of a project, by its id."""
        project = await self._project(name)
        return f"projects/{project.id}" if project else name

    async def shown(self, grant: Grant, container: str) -> str:
        """Return the name by which answers call a container; raises `not_found`."""
        noun, _, id_ = container.partition("/")
        if noun == "projects":
            project = await self._project(container)
            there = project is not None
            container = f"projects/{project.number}" if project else container
        elif noun == "folders":
            there = await self.tx.get(FOLDERS, id_) is not None
        else:
            there = await self.tx.get(ORGANIZATIONS, id_) is not None
        if not there:
            raise not_found("Requested entity was not found.")
        return container

    async def _project(self, container: str) -> Project | None:
        noun, _, id_ = container.partition("/")
        if noun != "projects":
            return None
        return await find_project(self.tx, id_)

    # Constraints and policies.

    async def constraint(self, grant: Grant, name: PolicyName) -> Constraint:
        """Return the constraint that a policy configures; raises `not_found`."""
        if name.constraint in CONSTRAINTS:
            return CONSTRAINTS[name.constraint]
        top = (await self.setup.policies.above(name.container))[-1]
        custom = await self.tx.get(CUSTOM, top, name.constraint)
        if custom is None:
            message = f"Constraint constraints/{name.constraint} is not one of this universe's."
            raise not_found(message)
        return as_constraint(name.constraint, custom)

    async def policy(self, grant: Grant, name: PolicyName) -> OrgPolicy:
        """Return the policy that is set on a container; raises `not_found`."""
        found = await self.tx.get(POLICY, name.container, name.constraint)
        if found is None:
            raise not_found("Requested entity was not found.")
        return found

    async def policies(self, grant: Grant, container: str) -> list[tuple[str, OrgPolicy]]:
        """Return the policies that are set on a container, by constraint."""
        found = await self.tx.scan(POLICY, POLICY.under(container), limit=POLICIES_MAX)
        return [(one.id, one.value) for one in found]

    async def create_policy(self, grant: Grant, name: PolicyName, policy: OrgPolicy) -> None:
        """Store a new policy; raises `already_exists`."""
        if await self.tx.get(POLICY, name.container, name.constraint) is not None:
            raise already_exists(f"Policy {name} already exists.")
        if len(await self.policies(grant, name.container)) >= POLICIES_MAX:
            raise _full(f"A resource has at most {POLICIES_MAX} policies.")
        self.put_policy(grant, name, policy)

    def put_policy(self, grant: Grant, name: PolicyName, policy: OrgPolicy) -> None:
        """Store a policy."""
        self.tx.put(POLICY, name.container, name.constraint, value=policy)

    def delete_policy(self, grant: Grant, name: PolicyName) -> None:
        """Remove a policy: what is set above counts again."""
        self.tx.delete(POLICY, name.container, name.constraint)

    # Custom constraints.

    async def custom(self, grant: Grant, name: CustomName) -> CustomConstraint:
        """Return a custom constraint; raises `not_found`."""
        found = await self.tx.get(CUSTOM, name.organization, name.id)
        if found is None:
            raise not_found("Requested entity was not found.")
        return found

    async def customs(self, grant: Grant, organization: str) -> list[tuple[str, CustomConstraint]]:
        """Return the custom constraints of an organization, by name."""
        found = await self.tx.scan(CUSTOM, CUSTOM.under(organization), limit=POLICIES_MAX)
        return [(one.id, one.value) for one in found]

    async def create_custom(self, grant: Grant, name: CustomName, new: CustomConstraint) -> None:
        """Store a new custom constraint; raises `already_exists`."""
        if await self.tx.get(CUSTOM, name.organization, name.id) is not None:
            raise already_exists(f"Custom constraint {name} already exists.")
        if len(await self.customs(grant, name.organization)) >= POLICIES_MAX:
            raise _full(f"An organization has at most {POLICIES_MAX} custom constraints.")
        self.put_custom(grant, name, new)

    def put_custom(self, grant: Grant, name: CustomName, custom: CustomConstraint) -> None:
        """Store a custom constraint."""
        self.tx.put(CUSTOM, name.organization, name.id, value=custom)

    def delete_custom(self, grant: Grant, name: CustomName) -> None:
        """Remove a custom constraint: policies that name it have no effect any more."""
        self.tx.delete(CUSTOM, name.organization, name.id)

    # What every method asks.

    @property
    def now(self) -> Micros:
        """Return the time of this session's reads and writes."""
        return self.setup.world.clock()

    def etag(self) -> str:
        """Return a fresh entity tag."""
        return new_etag(self.setup.world.random)


def _full(message: str) -> CloudError:
    return CloudError(Code.RESOURCE_EXHAUSTED, message, reason="quotaExceeded")
