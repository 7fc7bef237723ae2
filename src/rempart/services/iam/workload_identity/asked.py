"""The project that a call is about: policy is asked on it, and its number stands in names."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.errors import not_found
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.services.iam.api.asked import name_of
from rempart.services.iam.store import IamStore, container_resource
from rempart.services.iam.workload_identity.names import Named
from rempart.trust.policy.hierarchy import Project
from rempart.trust.policy.registry import find_project


async def project(call: Call, store: IamStore) -> Resource:
    """Return the project in the path as policy sees it."""
    asked = Named(name_of(call)).project
    found = await find_project(store.tx, asked)
    return container_resource(f"projects/{found.id if found else asked}")


async def project_of(grant: Grant, named: Named, store: IamStore) -> Project:
    """Return the project that a name is in; raises `not_found`."""
    found = await find_project(store.tx, named.project)
    if found is None:
        raise not_found(f"Project {named.project} not found.")
    return found
