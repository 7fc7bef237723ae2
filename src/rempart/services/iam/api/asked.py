"""What the methods of IAM ask of a call: the resource that policy is asked about."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.core.names import ResourceName
from rempart.core.policy import Resource
from rempart.services.iam import accounts
from rempart.services.iam.model import names
from rempart.services.iam.store import IamStore, container_resource
from rempart.trust.policy.refusals import nobody

_CONTAINERS = ("projects", "organizations")
_EVERYBODY = Resource(ResourceName("iam.googleapis.com", "", "roles"), None)


def name_of(call: Call) -> str:
    """Return the resource name in the path, whatever Google calls the parameter."""
    for parameter in ("name", "parent", "resource"):
        if parameter in call.path:
            return call.path[parameter]
    return ""


async def container(call: Call, store: IamStore) -> Resource:
    """Return the project or organization that the path names, or in which its role is."""
    noun, _, rest = name_of(call).partition("/")
    id_ = rest.partition("/")[0]
    if noun not in _CONTAINERS or not id_:
        raise invalid("The name is that of no project or organization.", field="name")
    return container_resource(f"{noun}/{id_}")


async def service_account(call: Call, store: IamStore) -> Resource:
    """Return the service account that the path names."""
    return await accounts.resource(store, names.account(name_of(call)))


async def deleted_account(call: Call, store: IamStore) -> Resource:
    """Return the deleted service account that the path names."""
    return await accounts.deleted_resource(store, names.account(name_of(call)))


async def key(call: Call, store: IamStore) -> Resource:
    """Return the service account whose key the path names."""
    return await accounts.resource(store, names.key(name_of(call))[0])


async def everybody(call: Call, store: IamStore) -> Resource:
    """Return what has no resource: the catalogue of roles and permissions."""
    return _EVERYBODY


def signed_in(grant: Grant) -> None:
    """Refuse the anonymous caller where no permission is asked for."""
    if grant.principal.anonymous:
        raise nobody()
