"""Organizations: get and search. A universe gets its organizations when it is founded."""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.services.resourcemanager.api.asked import id_of
from rempart.services.resourcemanager.api.pages import found
from rempart.services.resourcemanager.resources import organization_v1, organization_v3
from rempart.services.resourcemanager.searching import ORGANIZATION, ORGANIZATION_FIELDS
from rempart.services.resourcemanager.store import ManagerStore


async def get(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return an organization."""
    organization = await store.organization(grant, id_of(call))
    shown = organization_v1(organization) if store.legacy else organization_v3(organization)
    return Reply(document=shown)


async def search(grant: Grant, call: Call, store: ManagerStore) -> Reply:
    """Return the organizations that the caller may get."""
    show = organization_v1 if store.legacy else organization_v3
    return await found(grant, call, store, ORGANIZATION, ORGANIZATION_FIELDS, show)
