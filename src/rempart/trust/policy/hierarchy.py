"""Organizations, folders and projects, as sealed documents, and the way up from each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, denied, invariant
from rempart.core.names import FolderId, OrganizationId, ProjectId, ProjectNumber, ResourceName
from rempart.core.policy import Policy, Resource
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine

FOLDERS_DEEP_MAX = 10
"""Google's limit of folders between an organization and a project."""

DEPTH_MAX = FOLDERS_DEEP_MAX + 2


class State(Enum):
    """Whether a resource is in use."""

    ACTIVE = "ACTIVE"
    DELETE_REQUESTED = "DELETE_REQUESTED"


@dataclass(frozen=True, slots=True)
class Organization:
    """The top of a hierarchy."""

    id: OrganizationId
    name: str
    created: Micros
    policy: Policy = field(default_factory=Policy)
    state: State = State.ACTIVE
    updated: Micros | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; `parent` is `organizations/N` or `folders/N`, `deleted` when that was asked for."""

    id: FolderId
    name: str
    parent: str
    created: Micros
    policy: Policy = field(default_factory=Policy)
    state: State = State.ACTIVE
    updated: Micros | None = None
    deleted: Micros | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A project; `id` carries the universe's prefix, `parent` is as a folder's or empty."""

    id: ProjectId
    number: ProjectNumber
    name: str
    parent: str
    created: Micros
    labels: dict[str, str] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    state: State = State.ACTIVE
    updated: Micros | None = None
    deleted: Micros | None = None


Level = Organization | Folder | Project

ORGANIZATIONS: Kind[Organization] = Kind(b"O", Organization, hot=4096)
FOLDERS: Kind[Folder] = Kind(b"F", Folder, hot=4096)
PROJECTS: Kind[Project] = Kind(b"P", Project, hot=4096)
"""By project id."""

_NOUNS: Mapping[type[Level], str] = {
    Organization: "organizations",
    Folder: "folders",
    Project: "projects",
}
_MANAGER = "cloudresourcemanager.googleapis.com"
_TYPES = {"organizations": "Organization", "folders": "Folder", "projects": "Project"}


def container_of(resource: Resource) -> str:
    """Return the project, folder or organization that a resource is or lies in, or nothing."""
    if resource.project is not None:
        return f"projects/{resource.project}"
    if resource.above:
        return resource.above
    name = resource.name
    own = name.service == _MANAGER and name.name.startswith(("organizations/", "folders/"))
    return name.name if own else ""


def resource_at(container: str) -> Resource:
    """Return `projects/P`, `folders/N` or `organizations/N` as policy sees it."""
    noun, _, id_ = container.partition("/")
    name = ResourceName(_MANAGER, f"{_MANAGER}/{_TYPES[noun]}", container)
    return Resource(name, ProjectId(id_) if noun == "projects" else None)


async def find_project(sealed: SealedEngine, project: ProjectId) -> Project | None:
    """Return a project, or None."""
    found = await sealed.find(PROJECTS, PROJECTS.key(project))
    return found.value if found else None


async def ancestors(sealed: SealedEngine, name: str) -> list[Organization | Folder]:
    """Return `folders/N` or `organizations/N` and what is above it, nearest first.

    A link to something that is not there ends the list; see `severed`.
    """
    chain: list[Organization | Folder] = []
    while name:
        invariant(len(chain) < DEPTH_MAX, "the resource hierarchy is too deep, or a circle")
        kind, _, number = name.partition("/")
        if kind == "organizations":
            top = await sealed.find(ORGANIZATIONS, ORGANIZATIONS.key(number))
            return [*chain, top.value] if top else chain
        found = await sealed.find(FOLDERS, FOLDERS.key(number))
        if kind != "folders" or found is None:
            return chain
        chain.append(found.value)
        name = found.value.parent
    return chain


async def levels(sealed: SealedEngine, name: str) -> Sequence[Level]:
    """Return `projects/P`, `folders/N` or `organizations/N` and what is above it, nearest first.

    Empty where there is no such level.
    """
    if not name.startswith("projects/"):
        return await ancestors(sealed, name)
    project = await find_project(sealed, ProjectId(name.removeprefix("projects/")))
    return [project, *await ancestors(sealed, project.parent)] if project else []


def level_name(level: Level) -> str:
    """Return the name of a level as policy has it: `projects/P`, `folders/N`, `organizations/N`."""
    return f"{_NOUNS[type(level)]}/{level.id}"


def place_name(level: Level) -> str:
    """Return the name of a level as Google's documents have it: a project's with its number."""
    number = level.number if isinstance(level, Project) else level.id
    return f"{_NOUNS[type(level)]}/{number}"


def severed(chain: Sequence[Level]) -> bool:
    """Tell whether what the last of these levels lies in is not there.

    What was set there cannot be obeyed, so whoever decides by such a chain refuses.
    """
    last = chain[-1] if chain else None
    return last is not None and not isinstance(last, Organization) and bool(last.parent)


def severance(name: str) -> CloudError:
    """Return the refusal of what lies in a chain that is severed."""
    return denied(f"What {name} lies in is not there, so what is set there cannot be obeyed.")
