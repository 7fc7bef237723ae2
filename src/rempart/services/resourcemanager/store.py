"""Resource Manager's documents as one session sees them. Every verb takes a Grant."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code, not_found
from rempart.core.grant import Grant
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.services.operations import forget, operation_json
from rempart.services.resourcemanager.kinds import DUE, OPERATION, Due, Json, Operation
from rempart.services.resourcemanager.model.rules import KEPT_SECONDS
from rempart.trust.authority import Authority
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    FOLDERS_DEEP_MAX,
    ORGANIZATIONS,
    Folder,
    Organization,
    Project,
    State,
)
from rempart.trust.policy.registry import find_project
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session

MANAGER = "cloudresourcemanager.googleapis.com"
_TYPES = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life; `prefix` begins every project's id."""

    world: World
    prefix: str


class ManagerStore:
    """The documents of Resource Manager as one session sees them."""

    __slots__ = ("authority", "legacy", "session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx: Transaction = session.tx
        self.authority: Authority = session.authority
        # v3's ids have no version in them: `cloudresourcemanager.projects.get`.
        self.legacy = session.call.method.startswith(
            ("cloudresourcemanager.v1.", "cloudresourcemanager.v2.")
        )

    @property
    def now(self) -> Micros:
        """Return the time of this session's reads and writes."""
        return self.setup.world.clock()

    def policy_etag(self) -> str:
        """Return a fresh entity tag for a policy."""
        return new_etag(self.setup.world.random)

    # What policy is asked about.

    async def resource(self, name: str) -> Resource:
        """Return a project, folder or organization as policy sees it, whether or not it is there.

        A project may be named by its number.
        """
        noun, _, id_ = name.partition("/")
        if noun == "projects":
            found = await find_project(self.tx, id_)
            id_ = found.id if found else id_
        full = ResourceName(MANAGER, f"{MANAGER}/{_TYPES[noun]}", f"{noun}/{id_}")
        return Resource(full, ProjectId(id_) if noun == "projects" else None)

    # Reading.

    async def project(self, grant: Grant, name: str) -> Project:
        """Return a project by its id or number; raises `not_found`."""
        found = await find_project(self.tx, name)
        if found is None:
            raise not_found(f"Project {name} not found.")
        return found

    async def folder(self, grant: Grant, id_: str) -> Folder:
        """Return a folder; raises `not_found`."""
        found = await self.tx.get(FOLDERS, id_)
        if found is None:
            raise not_found(f"Folder {id_} not found.")
        return found

    async def organization(self, grant: Grant, id_: str) -> Organization:
        """Return an organization; raises `not_found`."""
        found = await self.tx.get(ORGANIZATIONS, id_)
        if found is None:
            raise not_found(f"Organization {id_} not found.")
        return found

    async def above(self, grant: Grant, parent: str) -> list[Folder]:
        """Return the folders from a parent up to its organization, nearest first.

        Raises `precondition` where one of them is being deleted or is not there: nothing may come
        to lie under it. Read in the transaction, so that nobody moves or deletes them meanwhile.
        """
        chain: list[Folder] = []
        while (noun_id := parent.partition("/"))[0] == "folders":
            folder = await self.tx.get(FOLDERS, noun_id[2])
            if folder is None or folder.state is not State.ACTIVE or len(chain) > FOLDERS_DEEP_MAX:
                raise refused("PARENT_DELETED_VIOLATION", parent, f"{parent} is not in use.")
            chain.append(folder)
            parent = folder.parent
        top = await self.tx.get(ORGANIZATIONS, parent.partition("/")[2])
        if top is None or top.state is not State.ACTIVE:
            raise refused("PARENT_DELETED_VIOLATION", parent, f"{parent} is not in use.")
        return chain

    # Writing.

    def schedule(self, grant: Grant, noun: str, id_: str, deleted: Micros) -> None:
        """Have something removed for ever, in its time."""
        self.tx.put(DUE, deleted + KEPT_SECONDS * 1_000_000, noun, id_, value=Due())

    def unschedule(self, grant: Grant, noun: str, id_: str, deleted: Micros) -> None:
        """Call that off."""
        self.tx.delete(DUE, deleted + KEPT_SECONDS * 1_000_000, noun, id_)

    async def finished(self, grant: Grant, letters: str, metadata: Json, response: Json) -> Json:
        """Remember an operation that is done, and return it; the oldest are forgotten."""
        now = self.now
        await forget(self.tx, OPERATION, now=now)
        number = now * 1000 + int.from_bytes(self.setup.world.random(4), "big") % 1000
        done = Operation(
            created=now,
            owner=grant.principal.member,
            legacy=self.legacy,
            metadata=metadata,
            response=response,
        )
        self.tx.put(OPERATION, number, letters, value=done)
        return operation_json(f"operations/{letters}.{number}", done)


def refused(kind: str, subject: str, message: str) -> CloudError:
    """Return the refusal of a change that the state of the hierarchy does not admit."""
    problem = CloudError(Code.FAILED_PRECONDITION, message, reason="failedPrecondition")
    violation = {"type": kind, "subject": subject, "description": message}
    return problem.with_details(
        {"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}
    )
