"""Searches: all that a query admits and that the caller may get, a page at a time.

A query that names a parent reads the index of its children; any other goes through all documents
of the kind, so many a call, and its page may be short: the token says that there is more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from rempart.core.grant import Grant
from rempart.core.pages import Page, token
from rempart.services.resourcemanager.kinds import Json
from rempart.services.resourcemanager.model.query import Query, View
from rempart.services.resourcemanager.store import ManagerStore
from rempart.trust.custody.kind import Kind
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
)
from rempart.trust.policy.registry import scan_children

EXAMINED_MAX = 2000
"""How many documents one call looks at."""

_SCANNED_AT_ONCE = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Noun(Generic[T]):
    """A kind of resource that can be searched for."""

    name: str
    kind: Kind[T]
    view: Callable[[T], View]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search wants: which of them, and which page."""

    query: Query
    page: Page


def _shared(resource: Organization | Folder | Project) -> dict[str, tuple[str, ...]]:
    return {"displayname": (resource.name.lower(),), "state": (resource.state.value.lower(),)}


def _below(parent: str) -> dict[str, tuple[str, ...]]:
    noun, _, id_ = parent.partition("/")
    return {"parent": (parent,), "parent.type": (noun.removesuffix("s"),), "parent.id": (id_,)}


def _project(project: Project) -> View:
    labels = {f"labels.{key}": (value,) for key, value in project.labels.items()}
    every = (*project.labels, *project.labels.values())
    own = {"id": (project.id.lower(),), "number": (project.number,), "labels": every}
    return _shared(project) | _below(project.parent) | labels | own


def _folder(folder: Folder) -> View:
    return _shared(folder) | _below(folder.parent)


PROJECT = Noun("projects", PROJECTS, _project)
FOLDER = Noun("folders", FOLDERS, _folder)
ORGANIZATION: Noun[Organization] = Noun("organizations", ORGANIZATIONS, _shared)

_STATES = {"state": "state", "lifecyclestate": "state"}
_NAMES = {"displayname": "displayname", "name": "displayname"}
_PARENTS = {name: name for name in ("parent", "parent.type", "parent.id")}
PROJECT_FIELDS = {
    **_STATES,
    **_NAMES,
    **_PARENTS,
    "id": "id",
    "projectid": "id",
    "projectnumber": "number",
    "labels": "labels",
    "labels.": "labels.",
}
FOLDER_FIELDS = _STATES | _NAMES | _PARENTS
ORGANIZATION_FIELDS = {"domain": "displayname"}


async def search(
    grant: Grant, store: ManagerStore, noun: Noun[T], wanted: Wanted, show: Callable[[T], Json]
) -> tuple[list[Json], str]:
    """Return a page of what is wanted and may be got, and the token of the next one."""
    shown, last, examined = list[Json](), wanted.page.after, 0
    reads = (
        _children(store, noun, wanted.query.parent) if wanted.query.parent else _all(store, noun)
    )
    while found := await reads(last):
        for key, id_, value in found:
            if len(shown) == wanted.page.size or examined == EXAMINED_MAX:
                return shown, token(last)
            last, examined = key, examined + 1
            if wanted.query.admits(noun.view(value)) and await _may_get(store, noun, id_):
                shown.append(show(value))
    return shown, ""


_Read = Callable[[bytes], Awaitable[list[tuple[bytes, str, T]]]]


def _all(store: ManagerStore, noun: Noun[T]) -> _Read[T]:
    async def read(after: bytes) -> list[tuple[bytes, str, T]]:
        rest = noun.kind.under().after(after)
        found = await store.tx.scan(noun.kind, rest, limit=_SCANNED_AT_ONCE)
        return [(one.key, one.id, one.value) for one in found]

    return read


def _children(store: ManagerStore, noun: Noun[T], parent: str) -> _Read[T]:
    async def read(after: bytes) -> list[tuple[bytes, str, T]]:
        return await children(store, noun, parent, after, _SCANNED_AT_ONCE)

    return read


async def children(
    store: ManagerStore, noun: Noun[T], parent: str, after: bytes, limit: int
) -> list[tuple[bytes, str, T]]:
    """Return children of a parent, each with its place in the index and its id."""
    found = await scan_children(store.tx, parent, noun.name, after=after, limit=limit)
    values = list[tuple[bytes, str, T]]()
    for one in found:
        value = await store.tx.get(noun.kind, one.id)
        if value is not None:
            values.append((one.key, one.id, value))
    return values


async def _may_get(store: ManagerStore, noun: Noun[T], id_: str) -> bool:
    resource = await store.resource(f"{noun.name}/{id_}")
    return await store.authority.allows(f"resourcemanager.{noun.name}.get", resource)
