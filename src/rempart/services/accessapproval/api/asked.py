"""What a call is about: a container, as policy sees it."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.names import ResourceName
from rempart.core.policy import Resource
from rempart.services.accessapproval.model import names
from rempart.services.accessapproval.store import ApprovalStore

SERVICE = "accessapproval.googleapis.com"


async def container(call: Call, store: ApprovalStore) -> Resource:
    """Return the project, folder or organization that the path names or begins with."""
    return store.resource(container_name(call))


async def desk(call: Call, store: ApprovalStore) -> Resource:
    """Return where the staff ask: it is in no customer's hierarchy."""
    return Resource(ResourceName(SERVICE, f"{SERVICE}/Desk", "supportRequests"), None)


def container_name(call: Call) -> str:
    """Return the container that the path names or begins with."""
    return names.container(call.path.get("parent") or call.path["name"])
