"""Operations on pools and providers: done when they are answered, remembered for 30 days."""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.errors import not_found
from rempart.core.grant import Grant
from rempart.services.iam.api.asked import name_of
from rempart.services.iam.store import IamStore
from rempart.services.iam.workload_identity.asked import project_of
from rempart.services.iam.workload_identity.names import Named, pool_name
from rempart.services.operations import Json, Operation, operation_json, remember, typed
from rempart.trust.custody.kind import Kind

OPERATIONS: Kind[Operation] = Kind(b"V", Operation)
"""By the full name of the pool, then the id; ids sort by time."""


async def done(
    grant: Grant, store: IamStore, pool: str, resource: str, noun: str, shown: Json
) -> Reply:
    """Remember an operation that changed a resource in a pool, and answer with it.

    `noun` is the type of what is shown, with its package where that is not google.iam.v1.
    """
    type_ = noun if "." in noun else f"google.iam.v1.{noun}"
    operation = Operation(created=store.now, response=typed(type_, shown))
    id_ = await remember(store.tx, OPERATIONS, pool, operation=operation, world=store.setup.world)
    return Reply(
        document=operation_json(f"{resource}/operations/{id_}", operation), audit=_facts(shown)
    )


async def get(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return an operation."""
    name = name_of(call)
    named = Named(name)
    project = await project_of(grant, named, store)
    pool = pool_name(project.number, named.pool)
    _, _, below = name.split("/", 2)
    return Reply(document=await remembered(store, pool, f"projects/{project.number}/{below}"))


async def remembered(store: IamStore, pool: str, name: str) -> Json:
    """Return an operation in a pool by its name; raises `not_found`."""
    found = await store.tx.get(OPERATIONS, pool, name.rpartition("/")[2])
    if found is None:
        raise not_found(f"Operation {name[:200]} not found.")
    return operation_json(name, found)


def _facts(shown: Json) -> dict[str, str]:
    """Return what the log is told of a change: whom the pool believes from now on."""
    return {
        name: str(shown[name])
        for name in ("name", "state", "disabled", "attributeMapping", "attributeCondition", "oidc")
        if name in shown
    }
