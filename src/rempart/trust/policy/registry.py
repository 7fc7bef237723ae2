"""The index of the hierarchy: projects by number, children by parent, names among siblings.

Whoever writes an organization, folder or project does it here, so that document and index change in
one commit. Ids and numbers are never given again: what is removed leaves its id behind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec

from rempart.core.clock import Random
from rempart.engine.seam import Span
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import FOLDERS, PROJECTS, Folder, Project, State

T = TypeVar("T")

FILLED_AT_ONCE = 200
"""How many documents of a universe without an index one transaction adds to it."""

_FOLDER, _PROJECT, _GONE, _FILLED = "folders", "projects", "gone", "filled"
_NAMING = frozenset(("name", "parent", "resource", "scope", "location", "project"))
"""The path parameters in which Google's APIs carry a resource's whole name."""


class Holder(msgspec.Struct, frozen=True):
    """Who has a name."""

    id: str = ""


class Kin(msgspec.Struct, frozen=True, omit_defaults=True):
    """A child of a parent; at the parent's own place, how many of its children are in use."""

    folders: int = 0
    projects: int = 0


NAMES: Kind[Holder] = Kind(b"B", Holder, hot=4096)
"""By (projects, number), (folders, parent, name among its siblings), or (gone, noun, id)."""

KIN: Kind[Kin] = Kind(b"C", Kin)
"""By (parent), (parent, folders, display name, id) or (parent, projects, id)."""


def new_number(random: Random) -> str:
    """Return a number of 12 digits, as Google gives to projects."""
    return str(10**11 + int.from_bytes(random(8), "big") % (9 * 10**11))


async def find_project(tx: Transaction, project: str) -> Project | None:
    """Return a project by its id or its number, or None."""
    if project.isdecimal():
        holder = await tx.get(NAMES, _PROJECT, project)
        if holder is None:
            return None
        project = holder.id
    return await tx.get(PROJECTS, project)


async def by_id(sealed: SealedEngine, path: Mapping[str, str]) -> Mapping[str, str]:
    """Return path parameters in which every project that is named by its number has its id.

    Policy and documents know projects by their id, so that a number is no second way to one. What
    is no number of a project stays as it is, and is found nowhere.
    """
    for parameter, name in path.items():
        if name.startswith("projects/") and name[9:10].isdecimal() and parameter in _NAMING:
            number, slash, rest = name[9:].partition("/")
            holder = await sealed.find(NAMES, NAMES.key(_PROJECT, number))
            if holder is not None:
                path = {**path, parameter: f"projects/{holder.value.id}{slash}{rest}"}
    return path


async def taken(tx: Transaction, noun: str, id_: str) -> bool:
    """Tell whether an id is, or ever was, that of a project or folder."""
    if await tx.get(NAMES, _GONE, noun, id_) is not None:
        return True
    if noun == _PROJECT:
        return await tx.get(PROJECTS, id_) is not None
    return await tx.get(FOLDERS, id_) is not None


async def number_taken(tx: Transaction, number: str) -> bool:
    """Tell whether a number is, or ever was, that of a project."""
    return await tx.get(NAMES, _PROJECT, number) is not None


async def sibling(tx: Transaction, parent: str, display_name: str) -> str:
    """Return the id of the folder in use that has a name under a parent, empty where none has."""
    holder = await tx.get(NAMES, _FOLDER, parent, display_name)
    return holder.id if holder else ""


async def in_use(tx: Transaction, parent: str) -> Kin:
    """Return how many folders and projects in use a folder or organization has."""
    return await tx.get(KIN, parent) or Kin()


def children(parent: str, noun: str) -> Span:
    """Return the span of the children of a parent: folders by name, projects by id."""
    return KIN.under(parent, noun)


async def scan_children(
    tx: Transaction, parent: str, noun: str, *, after: bytes = b"", limit: int
) -> list[Found[Kin]]:
    """Return children of a parent, each with its id; `after` is the key of the last one seen."""
    return await tx.scan(KIN, children(parent, noun).after(after), limit=limit)


# Projects.


async def add_project(tx: Transaction, project: Project) -> None:
    """Write a new project."""
    tx.put(NAMES, _PROJECT, project.number, value=Holder(project.id))
    await _enter_project(tx, project)


async def replace_project(tx: Transaction, old: Project, new: Project) -> None:
    """Write a project over what it was, wherever it now lies and whatever its state."""
    if (old.parent, old.state) == (new.parent, new.state):
        tx.put(PROJECTS, new.id, value=new)
        return
    await _leave_project(tx, old)
    await _enter_project(tx, new)


async def remove_project(tx: Transaction, old: Project) -> None:
    """Remove a project for ever; its id and number stay taken."""
    await _leave_project(tx, old)
    tx.delete(PROJECTS, old.id)
    tx.put(NAMES, _GONE, _PROJECT, old.id, value=Holder(old.number))


async def _enter_project(tx: Transaction, project: Project) -> None:
    tx.put(PROJECTS, project.id, value=project)
    tx.put(KIN, project.parent, _PROJECT, project.id, value=Kin())
    if project.state is State.ACTIVE:
        await _count(tx, project.parent, projects=1)


async def _leave_project(tx: Transaction, project: Project) -> None:
    tx.delete(KIN, project.parent, _PROJECT, project.id)
    if project.state is State.ACTIVE:
        await _count(tx, project.parent, projects=-1)


# Folders.


async def add_folder(tx: Transaction, folder: Folder) -> None:
    """Write a new folder."""
    await _enter_folder(tx, folder)


async def replace_folder(tx: Transaction, old: Folder, new: Folder) -> None:
    """Write a folder over what it was, wherever it now lies and whatever its name and state."""
    if (old.parent, old.name, old.state) == (new.parent, new.name, new.state):
        tx.put(FOLDERS, new.id, value=new)
        return
    await _leave_folder(tx, old)
    await _enter_folder(tx, new)


async def remove_folder(tx: Transaction, old: Folder) -> None:
    """Remove a folder for ever; its id stays taken."""
    await _leave_folder(tx, old)
    tx.delete(FOLDERS, old.id)
    tx.put(NAMES, _GONE, _FOLDER, old.id, value=Holder())


async def _enter_folder(tx: Transaction, folder: Folder) -> None:
    tx.put(FOLDERS, folder.id, value=folder)
    tx.put(KIN, folder.parent, _FOLDER, folder.name, folder.id, value=Kin())
    if folder.state is State.ACTIVE:
        tx.put(NAMES, _FOLDER, folder.parent, folder.name, value=Holder(folder.id))
        await _count(tx, folder.parent, folders=1)


async def _leave_folder(tx: Transaction, folder: Folder) -> None:
    tx.delete(KIN, folder.parent, _FOLDER, folder.name, folder.id)
    if folder.state is State.ACTIVE:
        tx.delete(NAMES, _FOLDER, folder.parent, folder.name)
        await _count(tx, folder.parent, folders=-1)


async def _count(tx: Transaction, parent: str, *, folders: int = 0, projects: int = 0) -> None:
    kin = await in_use(tx, parent)
    counted = Kin(kin.folders + folders, kin.projects + projects)
    tx.put(KIN, parent, value=counted)


# A universe that was founded before there was an index.


def begin(tx: Transaction) -> None:
    """Say of a new universe that its index is whole."""
    tx.put(NAMES, _FILLED, value=Holder())


async def fill(sealed: SealedEngine) -> None:
    """Index what was written before there was an index; called before anything is served.

    It may be cut short at any moment: what is there is not counted again.
    """
    if await sealed.find(NAMES, NAMES.key(_FILLED)) is not None:
        return
    await _each(sealed, FOLDERS, _index_folder)
    await _each(sealed, PROJECTS, _index_project)
    tx = sealed.transaction()
    begin(tx)
    await tx.commit()


async def _each(
    sealed: SealedEngine, kind: Kind[T], index: Callable[[Transaction, T], Awaitable[None]]
) -> None:
    span = kind.under()
    while found := await sealed.scan(kind, span, limit=FILLED_AT_ONCE):
        tx = sealed.transaction()
        for one in found:
            await index(tx, one.value)
        await tx.commit()
        span = span.after(found[-1].key)


async def _index_folder(tx: Transaction, folder: Folder) -> None:
    if await tx.get(KIN, folder.parent, _FOLDER, folder.name, folder.id) is None:
        await add_folder(tx, folder)


async def _index_project(tx: Transaction, project: Project) -> None:
    if await tx.get(KIN, project.parent, _PROJECT, project.id) is None:
        await add_project(tx, project)
