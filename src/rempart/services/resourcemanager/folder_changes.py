"""What can be done to folders, whatever version of the API asks for it."""

from __future__ import annotations

from dataclasses import replace

from rempart.core.errors import CloudError, Code
from rempart.core.grant import Grant
from rempart.core.names import FolderId
from rempart.core.policy import Binding, Policy
from rempart.services.resourcemanager.model.rules import CHILD_FOLDERS_MAX
from rempart.services.resourcemanager.store import ManagerStore, refused
from rempart.trust.policy.hierarchy import FOLDERS_DEEP_MAX, Folder, State
from rempart.trust.policy.registry import (
    add_folder,
    in_use,
    new_number,
    replace_folder,
    scan_children,
    sibling,
    taken,
)

MOVE = "resourcemanager.folders.move"
CREATOR_ROLES = ("roles/resourcemanager.folderAdmin", "roles/resourcemanager.folderEditor")
FOLDERS_MOVED_MAX = 1000
"""How many folders may lie in a folder that is moved: all are read in one transaction."""

_FOLDERS = "folders"


async def create(grant: Grant, store: ManagerStore, parent: str, name: str) -> Folder:
    """Write a new folder, which its creator administers."""
    await _admit(grant, store, parent, name, height=1)
    id_ = new_number(store.setup.world.random)
    while await taken(store.tx, _FOLDERS, id_):
        id_ = new_number(store.setup.world.random)
    bindings = tuple(Binding(role, (grant.principal.member,)) for role in CREATOR_ROLES)
    policy = Policy(bindings, etag=store.policy_etag())
    now = store.now
    folder = Folder(FolderId(id_), name, parent, now, policy, updated=now)
    await add_folder(store.tx, folder)
    return folder


async def rename(grant: Grant, store: ManagerStore, old: Folder, name: str) -> Folder:
    """Give a folder another name."""
    _require_active(old)
    await _require_free(store, old.parent, name, old.id)
    new = replace(old, name=name, updated=store.now)
    await replace_folder(store.tx, old, new)
    return new


async def move(grant: Grant, store: ManagerStore, old: Folder, parent: str) -> Folder:
    """Put a folder with all that it holds elsewhere; asks for the permission on both sides."""
    for side in (old.parent, parent):
        await store.authority.require(MOVE, await store.resource(side))
    _require_active(old)
    if parent == old.parent:
        return old
    above = await store.above(grant, parent)
    if old.id in {folder.id for folder in above}:
        name = f"folders/{old.id}"
        raise refused("CYCLE_INTRODUCED_VIOLATION", name, f"{name} cannot lie in itself.")
    await _admit(grant, store, parent, old.name, height=await _height(store, old))
    new = replace(old, parent=parent, updated=store.now)
    await replace_folder(store.tx, old, new)
    return new


async def delete(grant: Grant, store: ManagerStore, old: Folder) -> Folder:
    """Ask for a folder's deletion, which is refused while anything in it is in use."""
    if old.state is not State.ACTIVE:
        return old
    name = f"folders/{old.id}"
    kin = await in_use(store.tx, name)
    if kin.folders or kin.projects:
        message = f"{name} holds {kin.folders} folders and {kin.projects} projects in use."
        raise refused("FOLDER_TO_DELETE_NON_EMPTY_VIOLATION", name, message)
    now = store.now
    new = replace(old, state=State.DELETE_REQUESTED, deleted=now, updated=now)
    await replace_folder(store.tx, old, new)
    store.schedule(grant, _FOLDERS, old.id, now)
    return new


async def undelete(grant: Grant, store: ManagerStore, old: Folder) -> Folder:
    """Have a folder back whose deletion was asked for."""
    if old.state is State.ACTIVE:
        return old
    await _admit(grant, store, old.parent, old.name, height=await _height(store, old))
    if old.deleted is not None:
        store.unschedule(grant, _FOLDERS, old.id, old.deleted)
    new = replace(old, state=State.ACTIVE, deleted=None, updated=store.now)
    await replace_folder(store.tx, old, new)
    return new


async def _admit(grant: Grant, store: ManagerStore, parent: str, name: str, *, height: int) -> None:
    """Raise unless a folder of this height and name may come to lie under a parent."""
    above = await store.above(grant, parent)
    if len(above) + height > FOLDERS_DEEP_MAX:
        message = f"Folders lie at most {FOLDERS_DEEP_MAX} deep."
        raise refused("ACTIVE_FOLDER_HEIGHT_VIOLATION", parent, message)
    if (await in_use(store.tx, parent)).folders >= CHILD_FOLDERS_MAX:
        message = f"{parent} holds {CHILD_FOLDERS_MAX} folders, which is the most."
        raise refused("MAX_CHILD_FOLDERS_VIOLATION", parent, message)
    await _require_free(store, parent, name, "")


async def _require_free(store: ManagerStore, parent: str, name: str, own: str) -> None:
    if await sibling(store.tx, parent, name) not in {"", own}:
        message = f"Another folder in {parent} has the display name {name!r}."
        raise refused("FOLDER_NAME_UNIQUENESS_VIOLATION", parent, message)


async def _height(store: ManagerStore, folder: Folder) -> int:
    """Return how many folders lie in each other here, this one included.

    The count of each folder's children is read in the transaction: where another folder is put
    below meanwhile, the commit fails and the height is taken again.
    """
    height, seen, level = 0, 0, [f"folders/{folder.id}"]
    while level:
        height, below = height + 1, list[str]()
        for name in level:
            await in_use(store.tx, name)
            found = await scan_children(
                store.tx, name, _FOLDERS, limit=FOLDERS_MOVED_MAX + 1 - seen
            )
            seen += len(found)
            below += [f"folders/{one.id}" for one in found]
        if seen > FOLDERS_MOVED_MAX:
            message = f"folders/{folder.id} holds more than {FOLDERS_MOVED_MAX} folders."
            raise CloudError(Code.RESOURCE_EXHAUSTED, message, reason="FOLDERS_MOVED")
        level = below
    return height


def _require_active(folder: Folder) -> None:
    if folder.state is not State.ACTIVE:
        name = f"folders/{folder.id}"
        raise refused("RESOURCE_DELETED_VIOLATION", name, f"{name} is being deleted.")
