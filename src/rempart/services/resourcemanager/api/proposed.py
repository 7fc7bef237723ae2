"""What the methods of Resource Manager would make, for guards that judge it (`core/proposal.py`).

A project or folder is judged where it lies or comes to lie: by its parent when it is created or
moved, by itself when it changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from rempart.core.call import Call
from rempart.core.document import text
from rempart.core.proposal import Change, Proposal
from rempart.services.resourcemanager.api import projects, projects_v1
from rempart.services.resourcemanager.api.asked import destination, folder_parent, id_of
from rempart.services.resourcemanager.folder_changes import MOVE as MOVE_FOLDER
from rempart.services.resourcemanager.project_changes import MOVE as MOVE_PROJECT
from rempart.services.resourcemanager.store import MANAGER, ManagerStore
from rempart.trust.policy.hierarchy import FOLDERS, Project
from rempart.trust.policy.registry import find_project

Proposes = Callable[[Call, ManagerStore], Awaitable[Proposal | None]]
Fields = Mapping[str, object]


def _proposal(noun: str, container: str, fields: Fields, before: Fields | None = None) -> Proposal:
    return Proposal(
        type=f"{MANAGER}/{noun}",
        change=Change.CREATE if before is None else Change.UPDATE,
        container=container,
        fields=fields,
        before=before or {},
    )


async def new_project(call: Call, store: ManagerStore) -> Proposal:
    """Return the project to create; its name stands elsewhere in v1."""
    name = text(call.document, "displayName") or text(call.document, "name")
    asked = await projects.new_project(call, store, name)
    fields = {
        "projectId": asked.id,
        "displayName": asked.name,
        "parent": asked.parent,
        "labels": asked.labels,
    }
    return _proposal("Project", asked.parent, fields)


def _changed(
    change: Callable[[Project, Call], Project], container: Callable[[Project], str]
) -> Proposes:
    async def proposes(call: Call, store: ManagerStore) -> Proposal | None:
        old = await find_project(store.tx, id_of(call))
        if old is None:
            return None
        new = change(old, call)
        return _proposal("Project", container(new), _project(new), _project(old))

    return proposes


def _project(found: Project) -> Fields:
    return {
        "projectId": found.id,
        "displayName": found.name,
        "parent": found.parent,
        "labels": found.labels,
    }


def _itself(project: Project) -> str:
    return f"projects/{project.id}"


def _parent(project: Project) -> str:
    return project.parent


def _moved(old: Project, call: Call) -> Project:
    return replace(old, parent=destination(call))


patched_project = _changed(projects.patched, _itself)
updated_project = _changed(projects_v1.updated, _parent)
_proposed_move = _changed(_moved, _parent)


async def moved_project(call: Call, store: ManagerStore) -> Proposal | None:
    """Return a project where it comes to lie; nothing for whom may not move it there.

    The grant is of the project alone: what is judged must not tell of another's policies.
    """
    there = await store.resource(destination(call))
    if not await store.authority.allows(MOVE_PROJECT, there):
        return None
    return await _proposed_move(call, store)


async def new_folder(call: Call, store: ManagerStore) -> Proposal:
    """Return the folder to create."""
    parent = folder_parent(call)
    fields = {"displayName": text(call.document, "displayName"), "parent": parent}
    return _proposal("Folder", parent, fields)


async def renamed_folder(call: Call, store: ManagerStore) -> Proposal | None:
    """Return a folder with its new name; nothing for one that is not there."""
    found = await store.tx.get(FOLDERS, id_of(call))
    if found is None:
        return None
    before = {"displayName": found.name, "parent": found.parent}
    fields = {**before, "displayName": text(call.document, "displayName")}
    return _proposal("Folder", f"folders/{found.id}", fields, before)


async def moved_folder(call: Call, store: ManagerStore) -> Proposal | None:
    """Return a folder where it comes to lie; nothing for whom may not move it there."""
    found, parent = await store.tx.get(FOLDERS, id_of(call)), destination(call)
    allowed = await store.authority.allows(MOVE_FOLDER, await store.resource(parent))
    if found is None or not allowed:
        return None
    before = {"displayName": found.name, "parent": found.parent}
    return _proposal("Folder", parent, {**before, "parent": parent}, before)
