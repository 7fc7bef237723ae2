"""What the methods of workforce identity ask of a call: the resource that policy is asked about."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.document import text
from rempart.core.errors import invalid
from rempart.core.policy import Resource
from rempart.services.iam.store import IamStore, container_resource
from rempart.services.iam.workforce.model.pool import organization
from rempart.services.iam.workforce.store import WorkforceStore
from rempart.services.kms.lineage import upwards
from rempart.trust.identity.workforce import names
from rempart.trust.identity.workforce.names import PoolName

_POOL_SEGMENTS = 4


def name_of(call: Call) -> str:
    """Return the resource name in the path, whatever Google calls the parameter."""
    for parameter in ("name", "parent", "resource", "location"):
        if parameter in call.path:
            return call.path[parameter]
    return ""


def pool_of(call: Call) -> PoolName:
    """Return the pool that the path names, or that holds what it names."""
    return names.pool("/".join(name_of(call).split("/")[:_POOL_SEGMENTS]))


async def named_organization(call: Call, store: IamStore) -> Resource:
    """Return the organization that the body names as the parent."""
    names.location(name_of(call).removeprefix("locations/"))
    return container_resource(organization(text(call.document, "parent")))


async def asked_organization(call: Call, store: IamStore) -> Resource:
    """Return the organization that the query names as the parent."""
    names.location(name_of(call).removeprefix("locations/"))
    return container_resource(organization(call.query.get("parent", "")))


async def own_organization(call: Call, store: IamStore) -> str:
    """Return the organization that the path names; `organizations/-` is the caller's own."""
    named = call.path["parent"]
    if named != "organizations/-":
        return organization(named)
    project = store.session.caller.project
    if project is not None:
        async for name in upwards(store.tx, f"projects/{project}"):
            if name.startswith("organizations/"):
                return name
    raise invalid("The caller is of no organization: name one.", field="parent")


async def pool(call: Call, store: WorkforceStore) -> Resource:
    """Return the pool that the path names, or that holds what it names."""
    return await store.pool_resource(pool_of(call))
