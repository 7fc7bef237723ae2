"""Access Approval's verbs on the sealed engine. Every verb that touches data takes a Grant."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code, not_found
from rempart.core.grant import Grant
from rempart.core.names import ProjectId, ResourceName
from rempart.core.pages import Page
from rempart.core.policy import Resource
from rempart.services.accessapproval.external_keys import key_paths
from rempart.services.accessapproval.model import names
from rempart.services.accessapproval.signing import Signing
from rempart.services.answers.places import Places
from rempart.services.listing import listed
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.policy.hierarchy import Project, level_name, levels
from rempart.trust.policy.sovereignty.staff import Staff
from rempart.trust.policy.support.access import SupportAccess
from rempart.trust.policy.support.documents import (
    ENDING,
    OF_STAFF,
    REQUEST,
    SETTINGS,
    TALLY,
    Asked,
    Ending,
    Request,
    Settings,
    Tally,
)
from rempart.trust.policy.support.rules import State, refused_before, state
from rempart.trust.session import Session
from rempart.trust.witness.leaf import EVENT, FEED, Leaf, agent_of, encode

MANAGER = "cloudresourcemanager.googleapis.com"
OPEN_MAX = 100
"""How many requests of one person wait or are in force at once."""

_NOUNS = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    sealed: SealedEngine
    world: World
    staff: Staff
    support: SupportAccess
    signing: Signing
    places: Places
    system_domain: str


class ApprovalStore:
    """The documents of Access Approval as one session sees them."""

    __slots__ = ("session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx = session.tx

    def resource(self, container: str) -> Resource:
        """Return a project, folder or organization as policy sees it, there or not."""
        noun, _, id_ = container.partition("/")
        name = ResourceName(MANAGER, f"{MANAGER}/{_NOUNS[noun]}", container)
        return Resource(name, ProjectId(id_) if noun == "projects" else None)

    # Requests.

    async def request(self, grant: Grant, container: str, id_: str) -> Request:
        """Return a request; raises `not_found`."""
        found = await self.tx.get(REQUEST, container, id_)
        if found is None:
            raise not_found(f"Approval request {id_} of {container} not found.")
        return found

    async def requests(
        self, grant: Grant, container: str, page: Page, states: frozenset[State]
    ) -> tuple[list[Found[Request]], str]:
        """Return a page of a container's requests, newest first, and the next page's token."""
        now = self.now
        return await listed(
            self.tx,
            REQUEST,
            REQUEST.under(container),
            page,
            lambda one: state(one.value, now) in states,
        )

    async def requests_of(self, grant: Grant, member: str) -> list[tuple[str, str, Request]]:
        """Return the requests of somebody of the staff."""
        found = list[tuple[str, str, Request]]()
        async for one in scanned(self.tx, OF_STAFF, OF_STAFF.under(member)):
            _, container, id_ = one.key[1:-1].decode().split("\x00")
            found.append((container, id_, await self.request(grant, container, id_)))
        return found

    async def add(self, grant: Grant, request: Request) -> str:
        """Store a new request and return its id; refused where the customer said no before."""
        async for one in scanned(self.tx, REQUEST, REQUEST.under(request.container)):
            if refused_before(one.value, request):
                raise CloudError(
                    Code.FAILED_PRECONDITION,
                    f"The customer dismissed access to this in case {request.case}; a new request"
                    " needs them to withdraw that, or another case.",
                    reason="DISMISSED_BEFORE",
                )
        id_ = names.new_id(self.now, self.setup.world.random(4))
        self.tx.put(REQUEST, request.container, id_, value=request)
        self.tx.put(OF_STAFF, request.principal, request.container, id_, value=Asked())
        if request.approved:
            self.tx.put(ENDING, request.until, request.container, id_, value=Ending())
        return id_

    def put(self, grant: Grant, id_: str, request: Request, *, activates: bool = False) -> None:
        """Store a request; one that is active from now on has an end to be recorded."""
        self.tx.put(REQUEST, request.container, id_, value=request)
        if activates:
            self.tx.put(ENDING, request.until, request.container, id_, value=Ending())

    async def tally(self, grant: Grant, container: str, id_: str) -> Tally | None:
        """Return what was done under an approval, if anything."""
        return await self.tx.get(TALLY, container, id_)

    def put_tally(self, grant: Grant, container: str, id_: str, tally: Tally) -> None:
        """Store what was done under an approval."""
        self.tx.put(TALLY, container, id_, value=tally)

    def drop_ending(self, grant: Grant, request: Request, id_: str) -> None:
        """Take away that an approval's end is to be recorded: it is."""
        self.tx.delete(ENDING, request.until, request.container, id_)

    def note(self, request: Request, facts: dict[str, str]) -> None:
        """Enter into the log, on the customer's resource, what happened to a request."""
        call = self.session.call
        leaf = Leaf(
            kind=EVENT,
            time=call.time,
            request=call.request_id,
            method=call.method,
            permission="",
            principal=self.session.caller.member,
            resource=request.scope,
            remote=call.remote,
            facts=facts,
            service="accessapproval",
            container=request.container,
            agent=agent_of(call),
            reason=request.reason,
            approval=facts.get("approval", ""),
        )
        self.tx.append(FEED, encode(leaf))

    async def key_paths(self, grant: Grant, located: Resource) -> tuple[str, ...]:
        """Return the paths of the external keys that a resource lies under."""
        return await key_paths(self.tx, located)

    # Settings.

    async def settings(self, grant: Grant, container: str) -> Settings | None:
        """Return what a container itself has set."""
        return await self.tx.get(SETTINGS, container)

    async def chain(self, grant: Grant, container: str) -> list[tuple[str, Settings]]:
        """Return what a container and all above it have set, nearest first."""
        return [
            (level_name(one), await self.tx.get(SETTINGS, level_name(one)) or Settings())
            for one in await levels(self.setup.sealed, container)
        ]

    def put_settings(self, grant: Grant, container: str, settings: Settings) -> None:
        """Store settings."""
        self.tx.put(SETTINGS, container, value=settings)

    def delete_settings(self, grant: Grant, container: str) -> None:
        """Remove settings."""
        self.tx.delete(SETTINGS, container)

    async def number(self, container: str) -> str:
        """Return a container's number; raises `not_found` where it is not there."""
        found = await levels(self.setup.sealed, container)
        if not found:
            raise not_found("Requested entity was not found.")
        return found[0].number if isinstance(found[0], Project) else str(found[0].id)

    async def agent(self, container: str) -> str:
        """Return the address of the account that signs for a container."""
        noun = container.partition("/")[0]
        return names.agent(noun, await self.number(container), self.setup.system_domain)

    @property
    def now(self) -> Micros:
        """Return the time of this session's reads and writes."""
        return self.setup.world.clock()
