"""Folders, as v3 and v2 have them: v2 answers some changes without an operation.

Source: Folders of google.cloud.resourcemanager.v3; the discovery document of v2.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import only, text, update_mask
from rempart.core.errors import aborted, invalid
from rempart.core.grant import Grant
from rempart.services.resourcemanager import folder_changes
from rempart.services.resourcemanager.api import pages
from rempart.services.resourcemanager.api.asked import destination, folder_parent, id_of
from rempart.services.resourcemanager.kinds import Json
from rempart.services.resourcemanager.model.rules import folder_name
from rempart.services.resourcemanager.resources import etag, folder_v2, folder_v3, typed
from rempart.services.resourcemanager.searching import FOLDER, FOLDER_FIELDS
from rempart.services.resourcemanager.store import ManagerStore
from rempart.trust.policy.hierarchy import Folder

_V3, _V2 = "google.cloud.resourcemanager.v3", "google.cloud.resourcemanager.v2"
_MEMBERS = (
    "name",
    "parent",
    "displayName",
    "state",
    "lifecycleState",
    "createTime",
    "updateTime",
    "deleteTime",
    "etag",
    "configuredCapabilities",
    "managementProject",
)


async def create(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Create a folder."""
    only(call.document, *_MEMBERS)
    name = folder_name(text(call.document, "displayName"))
    folder = await folder_changes.create(grant, store, folder_parent(call), name)
    told: Json = {"displayName": folder.name, "parent": folder.parent}
    if store.legacy:
        told = _operation("CREATE", folder, {"destinationParent": folder.parent})
    return await _done(grant, store, folder, "fc", "CreateFolder", told)


async def get(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return a folder."""
    return Reply(document=_shown(store, await store.folder(grant, id_of(call))))


async def list_(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """List the folders of a parent, by display name."""
    return await pages.listed(grant, call, store, FOLDER, folder_v2 if store.legacy else folder_v3)


async def search(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return the folders that the caller may get."""
    show = folder_v2 if store.legacy else folder_v3
    return await pages.found(grant, call, store, FOLDER, FOLDER_FIELDS, show)


async def patch(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Give a folder another display name."""
    only(call.document, *_MEMBERS)
    if update_mask(call.query) - {"displayName"}:
        raise invalid("Only displayName can be changed.", field="updateMask")
    old = await store.folder(grant, id_of(call))
    if text(call.document, "etag", etag(old)) != etag(old):
        raise aborted("The folder has changed since it was read; read it again.")
    folder = await folder_changes.rename(
        grant, store, old, folder_name(text(call.document, "displayName"))
    )
    return await _changed(grant, store, folder, "fu", "UpdateFolder")


async def move(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Move a folder."""
    old = await store.folder(grant, id_of(call))
    folder = await folder_changes.move(grant, store, old, destination(call))
    sides: Json = {"sourceParent": old.parent, "destinationParent": folder.parent}
    told: Json = {"displayName": folder.name} | sides
    if store.legacy:
        told = _operation("MOVE", folder, sides)
    return await _done(grant, store, folder, "fm", "MoveFolder", told)


async def delete(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Ask for a folder's deletion."""
    folder = await folder_changes.delete(grant, store, await store.folder(grant, id_of(call)))
    return await _changed(grant, store, folder, "fd", "DeleteFolder")


async def undelete(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Have a folder back."""
    folder = await folder_changes.undelete(grant, store, await store.folder(grant, id_of(call)))
    return await _changed(grant, store, folder, "fr", "UndeleteFolder")


def _shown(store: ManagerStore, folder: Folder) -> Json:
    return folder_v2(folder) if store.legacy else folder_v3(folder)


def _operation(kind: str, folder: Folder, sides: Json) -> Json:
    return {"displayName": folder.name, "operationType": kind} | sides


async def _changed(
    grant: Grant, store: ManagerStore, folder: Folder, letters: str, change: str
) -> Reply:
    """Answer a change that v2 answers with the folder itself."""
    if store.legacy:
        return Reply(document=folder_v2(folder), audit=_facts(folder))
    return await _done(grant, store, folder, letters, change, {})


async def _done(
    grant: Grant, store: ManagerStore, folder: Folder, letters: str, change: str, told: Json
) -> Reply:
    if store.legacy:
        metadata = typed(f"{_V2}.FolderOperation", told)
    else:
        metadata = typed(f"{_V3}.{change}Metadata", told)
    response = typed(f"{_V2 if store.legacy else _V3}.Folder", _shown(store, folder))
    return Reply(
        document=await store.finished(grant, letters, metadata, response), audit=_facts(folder)
    )


def _facts(folder: Folder) -> dict[str, str]:
    return {
        "folder": f"folders/{folder.id}",
        "parent": folder.parent,
        "displayName": folder.name,
        "state": folder.state.value,
    }
