"""What can be done to projects, whatever version of the API asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rempart.core.errors import already_exists
from rempart.core.grant import Grant
from rempart.core.names import ProjectId, ProjectNumber
from rempart.core.policy import Binding, Policy
from rempart.services.resourcemanager.kinds import LIEN
from rempart.services.resourcemanager.resources import lien_json
from rempart.services.resourcemanager.store import ManagerStore, refused
from rempart.trust.policy.duties import check_duties
from rempart.trust.policy.hierarchy import Project, State
from rempart.trust.policy.registry import (
    add_project,
    new_number,
    number_taken,
    replace_project,
    taken,
)

MOVE = "resourcemanager.projects.move"
GUARD = "resourcemanager.projects.setIamPolicy"
CREATOR_ROLE = "roles/owner"
_PROJECTS = "projects"


@dataclass(frozen=True, slots=True)
class NewProject:
    """What is asked for."""

    id: ProjectId
    name: str
    parent: str
    labels: dict[str, str]


async def create(grant: Grant, store: ManagerStore, asked: NewProject) -> Project:
    """Write a new project, which its creator owns; raises `already_exists` for an id once used."""
    await store.above(grant, asked.parent)
    if await taken(store.tx, _PROJECTS, asked.id):
        # Not said: whether it is there, of whom, or was deleted.
        raise already_exists("Requested entity already exists")
    random = store.setup.world.random
    number = new_number(random)
    while await number_taken(store.tx, number):
        number = new_number(random)
    policy = await _owned(grant, store, asked.parent)
    project = Project(
        asked.id,
        ProjectNumber(number),
        asked.name,
        asked.parent,
        store.now,
        labels=asked.labels,
        policy=policy,
        updated=store.now,
    )
    await add_project(store.tx, project)
    return project


async def _owned(grant: Grant, store: ManagerStore, parent: str) -> Policy:
    """Return the policy of a new project, whose creator owns it, if no duty stands against that."""
    owner = Binding(CREATOR_ROLE, (grant.principal.member,))
    policy = Policy((owner,), etag=store.policy_etag())
    if parent:
        around = await store.authority.around(store.tx, await store.resource(parent))
        custom = {name: role.permissions for name, role in around.roles.items()}
        check_duties(around.duties, Policy(), policy, around.above, custom)
    return policy


async def change(grant: Grant, store: ManagerStore, old: Project, new: Project) -> Project:
    """Write a project's name or labels."""
    require_active(old)
    new = replace(new, updated=store.now)
    await replace_project(store.tx, old, new)
    return new


async def move(grant: Grant, store: ManagerStore, old: Project, parent: str) -> Project:
    """Put a project elsewhere; asks for the permission on both sides.

    Who puts a project that lies nowhere under somebody's power must have all power over it.
    """
    if old.parent:
        await store.authority.require(MOVE, await store.resource(old.parent))
    else:
        await store.authority.require(GUARD, await store.resource(f"projects/{old.id}"))
    await store.authority.require(MOVE, await store.resource(parent))
    require_active(old)
    await store.above(grant, parent)
    new = replace(old, parent=parent, updated=store.now)
    await replace_project(store.tx, old, new)
    return new


async def delete(grant: Grant, store: ManagerStore, old: Project) -> Project:
    """Ask for a project's deletion, which a lien stops."""
    require_active(old)
    span = LIEN.under(old.number)
    for lien in await store.tx.scan(LIEN, span, limit=1):
        message = (
            "A lien to prevent deletion was placed on the project by"
            f" [{lien.value.origin}]. Remove the lien to allow deletion."
        )
        raise refused("LIEN", str(lien_json(old.number, lien.id, lien.value)["name"]), message)
    store.tx.expect_empty(span)
    now = store.now
    new = replace(old, state=State.DELETE_REQUESTED, deleted=now, updated=now)
    await replace_project(store.tx, old, new)
    store.schedule(grant, _PROJECTS, old.id, now)
    return new


async def undelete(grant: Grant, store: ManagerStore, old: Project) -> Project:
    """Have a project back whose deletion was asked for."""
    if old.state is State.ACTIVE:
        raise refused("STATE", f"projects/{old.id}", f"projects/{old.id} is not being deleted.")
    if old.parent:
        await store.above(grant, old.parent)
    if old.deleted is not None:
        store.unschedule(grant, _PROJECTS, old.id, old.deleted)
    new = replace(old, state=State.ACTIVE, deleted=None, updated=store.now)
    await replace_project(store.tx, old, new)
    return new


def require_active(project: Project) -> None:
    """Raise unless a project is in use."""
    if project.state is not State.ACTIVE:
        name = f"projects/{project.id}"
        raise refused("STATE", name, f"{name} is being deleted.")
