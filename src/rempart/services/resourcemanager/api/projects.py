"""Projects as v3 has them.

Source: Projects of google.cloud.resourcemanager.v3.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from rempart.core.call import Call, Reply
from rempart.core.clock import rfc3339
from rempart.core.document import only, pairs, text, update_mask
from rempart.core.errors import aborted, invalid, unsupported
from rempart.core.grant import Grant
from rempart.core.labels import SENSITIVITY, labels
from rempart.services.resourcemanager import project_changes
from rempart.services.resourcemanager.api import pages
from rempart.services.resourcemanager.api.asked import destination, id_of, project_parent
from rempart.services.resourcemanager.kinds import Json
from rempart.services.resourcemanager.model.rules import project_id, project_name
from rempart.services.resourcemanager.project_changes import NewProject
from rempart.services.resourcemanager.resources import etag, project_v3, typed
from rempart.services.resourcemanager.searching import PROJECT, PROJECT_FIELDS
from rempart.services.resourcemanager.store import ManagerStore
from rempart.trust.policy.hierarchy import Project
from rempart.trust.policy.sovereignty.sensitivity import level

_V3 = "google.cloud.resourcemanager.v3"
_MEMBERS = (
    "name",
    "parent",
    "projectId",
    "state",
    "displayName",
    "createTime",
    "updateTime",
    "deleteTime",
    "etag",
    "labels",
    "tags",
    "configuredCapabilities",
)
_CHANGEABLE = frozenset(("displayName", "labels"))


async def create(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Create a project."""
    only(call.document, *_MEMBERS)
    project = await project_changes.create(
        grant, store, await new_project(call, store, text(call.document, "displayName"))
    )
    return await _done(grant, store, project, "cp", "CreateProject", created(project))


async def get(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return a project."""
    return Reply(document=project_v3(await store.project(grant, id_of(call))))


async def list_(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """List the projects of a parent, by id."""
    return await pages.listed(grant, call, store, PROJECT, project_v3)


async def search(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return the projects that the caller may get."""
    return await pages.found(grant, call, store, PROJECT, PROJECT_FIELDS, project_v3)


async def patch(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Change a project's display name or labels."""
    _mask(call)
    old = await store.project(grant, id_of(call))
    if text(call.document, "etag", etag(old)) != etag(old):
        raise aborted("The project has changed since it was read; read it again.")
    project = await project_changes.change(grant, store, old, patched(old, call))
    return await _done(grant, store, project, "pu", "UpdateProject", {})


def patched(old: Project, call: Call) -> Project:
    """Return a project with what a patch changes."""
    asked, mask = call.document, _mask(call)
    if "displayName" in mask:
        old = replace(old, name=project_name(text(asked, "displayName"), "displayName"))
    if "labels" in mask:
        old = replace(old, labels=labels(pairs(asked, "labels")))
    return old


def _mask(call: Call) -> AbstractSet[str]:
    """Return the members that a patch changes: those of its mask, or all that it has."""
    only(call.document, *_MEMBERS)
    given = "updateMask" in call.query
    mask = update_mask(call.query) if given else call.document.keys() & _CHANGEABLE
    if unchangeable := sorted(mask - _CHANGEABLE):
        raise invalid(f"{unchangeable[0][:80]} cannot be changed.", field="updateMask")
    return mask


async def move(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Move a project."""
    old = await store.project(grant, id_of(call))
    project = await project_changes.move(grant, store, old, destination(call))
    return await _done(grant, store, project, "pm", "MoveProject", {})


async def delete(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Ask for a project's deletion."""
    project = await project_changes.delete(grant, store, await store.project(grant, id_of(call)))
    return await _done(grant, store, project, "pd", "DeleteProject", {})


async def undelete(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Have a project back."""
    project = await project_changes.undelete(grant, store, await store.project(grant, id_of(call)))
    return await _done(grant, store, project, "pr", "UndeleteProject", {})


async def new_project(call: Call, store: ManagerStore, name: str) -> NewProject:
    """Return what a call asks to be created; without a name it is called by its id.

    gcloud gives the id as the name where nobody has said another, the universe's prefix with it.
    """
    if call.document.get("tags"):
        raise unsupported("Tagging a project as it is created", field="tags")
    id_ = project_id(text(call.document, "projectId"), store.setup.prefix)
    other = name not in {"", id_}
    named = project_name(name, "displayName") if other else id_.rpartition(":")[2]
    return NewProject(
        id_, named, await project_parent(call, store), labels(pairs(call.document, "labels"))
    )


def created(project: Project) -> Json:
    """Return how far the creation of a project is: done."""
    return {"createTime": rfc3339(project.created), "gettable": True, "ready": True}


def facts(project: Project) -> dict[str, str]:
    """Return what the log is told of a project."""
    return {
        "project": project.id,
        "number": project.number,
        "parent": project.parent,
        "state": project.state.value,
        "sensitivity": level(project.labels.get(SENSITIVITY, "")),
    }


async def _done(
    grant: Grant, store: ManagerStore, project: Project, letters: str, change: str, told: Json
) -> Reply:
    metadata = typed(f"{_V3}.{change}Metadata", told)
    response = typed(f"{_V3}.Project", project_v3(project))
    done = await store.finished(grant, letters, metadata, response)
    return Reply(document=done, audit=facts(project))
