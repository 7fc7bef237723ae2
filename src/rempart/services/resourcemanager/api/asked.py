"""What the methods ask of a call: names, parents, and the resource that policy is asked about."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.document import section, text
from rempart.core.errors import invalid
from rempart.core.policy import Resource
from rempart.services.resourcemanager.model.rules import parent_name
from rempart.services.resourcemanager.store import ManagerStore
from rempart.trust.policy.hierarchy import FOLDERS, ORGANIZATIONS
from rempart.trust.policy.refusals import nobody

_BARE = "cloudresourcemanager.v1.projects."


def name_of(call: Call) -> str:
    """Return the resource's name in the path; v1 has a project's id without its noun."""
    path = call.path
    name = path.get("name") or path.get("resource") or path.get("projectId", "")
    # By the method, not by how the name looks: what policy is asked about is what is acted on.
    return f"projects/{name}" if call.method.startswith(_BARE) else name


def id_of(call: Call) -> str:
    """Return the id, or a project's number, that the path names."""
    return name_of(call).partition("/")[2]


async def named(call: Call, store: ManagerStore) -> Resource:
    """Return what the path names."""
    return await store.resource(name_of(call))


async def everything(call: Call, store: ManagerStore) -> Resource:
    """Return the top of all hierarchies, on which nothing is granted."""
    return await store.resource("organizations/-")


# The parent of what a call creates or lists.


def query_parent(call: Call) -> str:
    """Return the parent in the query."""
    return parent_name(call.query.get("parent", ""), "parent")


async def in_query(call: Call, store: ManagerStore) -> Resource:
    """Return the parent in the query."""
    return await store.resource(query_parent(call))


def folder_parent(call: Call) -> str:
    """Return the parent of a folder: in the body, in v2 in the query."""
    asked = text(call.document, "parent") or call.query.get("parent", "")
    return parent_name(asked, "parent")


async def of_folder(call: Call, store: ManagerStore) -> Resource:
    """Return the parent of a new folder."""
    return await store.resource(folder_parent(call))


async def project_parent(call: Call, store: ManagerStore) -> str:
    """Return the parent of a new project; where none is named, the universe's only organization."""
    asked = body_parent(call)
    if asked:
        return parent_name(asked, "parent")
    every = await store.tx.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=2)
    if len(every) != 1:
        raise invalid("A project needs a parent.", field="parent", reason="required")
    return f"organizations/{every[0].id}"


def body_parent(call: Call) -> str:
    """Return a project's parent in the body, empty if none: v1 has its type and id apart."""
    if not isinstance(call.document.get("parent"), dict):
        return text(call.document, "parent")
    parent = section(call.document, "parent")
    type_, id_ = text(parent, "type"), text(parent, "id")
    return f"{type_}s/{id_}" if type_ or id_ else ""


async def of_project(call: Call, store: ManagerStore) -> Resource:
    """Return the parent of a new project."""
    return await store.resource(await project_parent(call, store))


async def above_folder(call: Call, store: ManagerStore) -> Resource:
    """Return what holds the folder that the path names: there it is asked whether it may go."""
    found = await store.tx.get(FOLDERS, id_of(call))
    return await store.resource(found.parent if found else name_of(call))


def destination(call: Call) -> str:
    """Return the parent that something is to be moved to."""
    return parent_name(text(call.document, "destinationParent"), "destinationParent")


def require_signed_in(store: ManagerStore) -> None:
    """Raise for the anonymous caller, of whom a search would find nothing anyway."""
    if store.authority.principal.anonymous:
        raise nobody()
