"""Projects as v1 has them, which gcloud calls.

Source: the discovery document of v1. Only the creation is an operation.
"""

from __future__ import annotations

from dataclasses import replace

from rempart.core.call import Call, Reply
from rempart.core.document import pairs, text
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.core.labels import labels
from rempart.services.resourcemanager import project_changes
from rempart.services.resourcemanager.api import pages
from rempart.services.resourcemanager.api.asked import body_parent, id_of
from rempart.services.resourcemanager.api.projects import created, facts, new_project
from rempart.services.resourcemanager.model.rules import parent_name, project_name
from rempart.services.resourcemanager.resources import project_v1, resource_id, typed
from rempart.services.resourcemanager.searching import PROJECT, PROJECT_FIELDS
from rempart.services.resourcemanager.store import ManagerStore

_V1 = "google.cloudresourcemanager.v1"


async def create(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Create a project."""
    asked = await new_project(call, store, text(call.document, "name"))
    project = await project_changes.create(grant, store, asked)
    done = await store.finished(
        grant,
        "cp",
        typed(f"{_V1}.ProjectCreationStatus", created(project)),
        typed(f"{_V1}.Project", project_v1(project)),
    )
    return Reply(document=done, audit=facts(project))


async def get(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return a project."""
    return Reply(document=project_v1(await store.project(grant, id_of(call))))


async def list_(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return the projects that the caller may get: v1's list is a search."""
    return await pages.found(grant, call, store, PROJECT, PROJECT_FIELDS, project_v1)


async def update(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Set a project's name and labels, and move it where another parent is given."""
    old = await store.project(grant, id_of(call))
    if text(call.document, "projectId", old.id) not in {old.id, old.number}:
        raise invalid("A project's id cannot be changed.", field="projectId")
    name = text(call.document, "name", old.name)
    # A name that was given before its rules counted may stay.
    named = old.name if name == old.name else project_name(name, "name")
    new = replace(old, name=named, labels=labels(pairs(call.document, "labels")))
    parent = body_parent(call)
    if parent and parent != old.parent:
        await project_changes.move(grant, store, old, parent_name(parent, "parent"))
        old, new = replace(old, parent=parent), replace(new, parent=parent)
    project = await project_changes.change(grant, store, old, new)
    return Reply(document=project_v1(project), audit=facts(project))


async def delete(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Ask for a project's deletion."""
    project = await project_changes.delete(grant, store, await store.project(grant, id_of(call)))
    return Reply(document={}, audit=facts(project))


async def undelete(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Have a project back."""
    project = await project_changes.undelete(grant, store, await store.project(grant, id_of(call)))
    return Reply(document={}, audit=facts(project))


async def get_ancestry(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return a project and what it lies in, nearest first."""
    project = await store.project(grant, id_of(call))
    names, parent = [f"projects/{project.id}"], project.parent
    while parent:
        names.append(parent)
        noun, _, id_ = parent.partition("/")
        parent = (await store.folder(grant, id_)).parent if noun == "folders" else ""
    return Reply(document={"ancestor": [{"resourceId": resource_id(name)} for name in names]})
