"""Service Usage's verbs on the engine: what a project has turned off, and what was done."""

from __future__ import annotations

from dataclasses import dataclass, field

from rempart.core.clock import World
from rempart.core.errors import invalid, not_found
from rempart.core.grant import Grant
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.services.operations import forget, forgotten
from rempart.services.serviceusage import model
from rempart.services.serviceusage.model import Json, Operation
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.policy.apis import APIS_OFF, APIsOff, DisabledAPIs
from rempart.trust.policy.hierarchy import Project
from rempart.trust.policy.registry import find_project
from rempart.trust.session import Session

OPERATION: Kind[Operation] = Kind(b"i", Operation)
"""By (project's number, id); ids begin with the time."""

SALT_BYTES = 9
_MANAGER = "cloudresourcemanager.googleapis.com"
_SERVICE = "serviceusage.googleapis.com"


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life: the APIs of this universe, and who uses them."""

    apis: frozenset[str]
    disabled: DisabledAPIs
    world: World
    system_domain: str
    """The domain of this universe's service agents."""


@dataclass(slots=True)
class UsageStore:
    """What one session sees of Service Usage."""

    setup: Setup
    session: Session
    _project: Project | None = field(default=None, init=False)

    async def resource(self, parent: str) -> Resource:
        """Return a project as policy sees it, whether or not it is there."""
        noun, _, id_ = parent.partition("/")
        if noun != "projects" or not id_:
            message = "Services are enabled on projects: the parent is of the form projects/*."
            raise invalid(message, field="parent")
        self._project = await find_project(self.session.tx, id_)
        named = self._project.id if self._project else ProjectId(id_)
        name = ResourceName(_MANAGER, f"{_MANAGER}/Project", f"projects/{named}")
        return Resource(name, named)

    async def operation_resource(self, name: str) -> Resource:
        """Return the project that an operation belongs to, as policy sees it."""
        number, _ = model.operation_name(name)
        return await self.resource(f"projects/{number}")

    def project(self, grant: Grant) -> Project:
        """Return the project that the grant is about."""
        if self._project is None:
            raise not_found(f"{grant.resource.name} not found.")
        return self._project

    async def off(self, grant: Grant) -> frozenset[str]:
        """Return the APIs that the project has turned off."""
        found = await self.session.tx.get(APIS_OFF, self.project(grant).id)
        return found.apis if found else frozenset()

    def put_off(self, grant: Grant, off: frozenset[str]) -> None:
        """Store which APIs the project has turned off."""
        self.session.tx.put(APIS_OFF, self.project(grant).id, value=APIsOff(off))

    async def finished(self, grant: Grant, metadata: Json, response: Json) -> Json:
        """Remember an operation that is done and return it; the oldest are forgotten."""
        tx, project, now = self.session.tx, self.project(grant), self.setup.world.clock()
        await forget(tx, OPERATION, project.number, now=now)
        id_ = model.operation_id(project.number, now, self.setup.world.random(SALT_BYTES))
        done = Operation(project=project.id, created=now, metadata=metadata, response=response)
        tx.put(OPERATION, project.number, id_, value=done)
        return model.operation_json(id_, done)

    async def operation(self, grant: Grant, name: str) -> tuple[str, Operation]:
        """Return an operation that is remembered, with its id; raises `not_found`."""
        number, id_ = model.operation_name(name)
        found = await self.session.tx.get(OPERATION, number, id_)
        if found is None or forgotten(found, self.setup.world.clock()):
            raise not_found(f"Operation {name} not found.")
        return id_, found

    async def delete_operation(self, grant: Grant, name: str) -> None:
        """Forget an operation; raises `not_found`."""
        await self.operation(grant, name)
        self.session.tx.delete(OPERATION, *model.operation_name(name))

    async def operations(self, grant: Grant, after: str, limit: int) -> list[Found[Operation]]:
        """Return operations of the project, oldest first, after the one of an id."""
        number, now = self.project(grant).number, self.setup.world.clock()
        span = OPERATION.under(number)
        if after:
            span = span.after(OPERATION.key(number, after))
        found = await self.session.tx.scan(OPERATION, span, limit=limit)
        return [one for one in found if not forgotten(one.value, now)]
