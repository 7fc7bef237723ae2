"""What every method of IAM works on: one session's transaction, and what is asked about first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from rempart.core.clock import Micros, World
from rempart.core.names import ProjectId, ResourceName
from rempart.core.pages import Page
from rempart.core.policy import Resource
from rempart.engine.seam import Span
from rempart.services.listing import listed
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.identity.federation.saml.reader import Reader
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session

MANAGER = "cloudresourcemanager.googleapis.com"
_NOUNS = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}
T = TypeVar("T")
Json = dict[str, object]


async def _without_end(_: ProjectId) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life; `domain` is the universe's API domain."""

    domain: str
    world: World
    key: bytes = b""
    """For thumbprints of secrets that are not shown."""

    key_seconds: Callable[[ProjectId], Awaitable[int | None]] = _without_end
    """How long new keys of accounts in a project live, None for ever."""

    reader: Reader = field(default_factory=Reader)
    """Reads the metadata of SAML identity providers."""


class IamStore:
    """The documents of IAM as one session sees them."""

    __slots__ = ("session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx = session.tx

    @property
    def now(self) -> Micros:
        """Return the time of this session's reads and writes."""
        return self.setup.world.clock()

    def etag(self) -> str:
        """Return a fresh entity tag."""
        return new_etag(self.setup.world.random)

    async def listed(
        self, kind: Kind[T], span: Span, page: Page, admit: Callable[[Found[T]], bool]
    ) -> tuple[list[Found[T]], str]:
        """Return a page of a span's documents, and the token of the next page."""
        return await listed(self.tx, kind, span, page, admit)


def container_resource(name: str) -> Resource:
    """Return a project, folder or organization as policy sees it."""
    noun, _, id_ = name.partition("/")
    project = ProjectId(id_) if noun == "projects" else None
    return Resource(ResourceName(MANAGER, f"{MANAGER}/{_NOUNS[noun]}", name), project)
