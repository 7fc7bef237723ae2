"""Workforce pools of IAM v1: people who sign in through their own organization's provider.

`METHODS` is this part's table; `services/iam` puts it into the API's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.core.proposal import Proposal
from rempart.services.iam.store import IamStore, container_resource
from rempart.services.iam.table import Methods, Proposes, Run, public, reading, writing
from rempart.services.iam.workforce.api import (
    asked,
    bootstraps,
    policies,
    pools,
    proposed,
    providers,
    subjects,
)
from rempart.services.iam.workforce.store import WorkforceStore
from rempart.wire import WireMethod, WireParameter, WireService

_POOLS = "locations.workforcePools"
_P, _X, _S = "workforcePools", "workforcePoolProviders", "workforcePoolSubjects"


def _on(run: Callable[[Grant, Call, WorkforceStore], Awaitable[Reply]]) -> Run:
    """Return a method that is given this part's view of IAM's store."""

    async def method(grant: Grant, call: Call, store: IamStore) -> Reply:
        return await run(grant, call, WorkforceStore(store.setup, store.session))

    return method


def _proposes(
    proposes: Callable[[Call, WorkforceStore], Awaitable[Proposal | None]],
) -> Proposes:
    """Return what a method would make, likewise."""

    async def proposal(call: Call, store: IamStore) -> Proposal | None:
        return await proposes(call, WorkforceStore(store.setup, store.session))

    return proposal


async def _pool(call: Call, store: IamStore) -> Resource:
    return await asked.pool(call, WorkforceStore(store.setup, store.session))


async def _organization(call: Call, store: IamStore) -> Resource:
    return container_resource(await asked.own_organization(call, store))


def _bootstraps(verb: str, access: Access, permission: str, run: Run) -> Method[IamStore]:
    """Return a method of our own: who may change the organization's policy may give a way in."""
    id_ = MethodId(f"iam.organizations.bootstraps.{verb}")
    return Method(id_, access, run, _organization, f"resourcemanager.organizations.{permission}")


METHODS: Methods = (
    _bootstraps("create", Access.WRITE, "setIamPolicy", _on(bootstraps.create)),
    _bootstraps("list", Access.READ, "getIamPolicy", _on(bootstraps.list_)),
    writing(f"{_POOLS}.create", f"{_P}.create", asked.named_organization, _on(pools.create)),
    reading(f"{_POOLS}.list", f"{_P}.list", asked.asked_organization, _on(pools.list_)),
    reading(f"{_POOLS}.get", f"{_P}.get", _pool, _on(pools.get)),
    writing(f"{_POOLS}.patch", f"{_P}.update", _pool, _on(pools.patch)),
    writing(f"{_POOLS}.delete", f"{_P}.delete", _pool, _on(pools.delete)),
    writing(f"{_POOLS}.undelete", f"{_P}.undelete", _pool, _on(pools.undelete)),
    reading(f"{_POOLS}.getIamPolicy", f"{_P}.getIamPolicy", _pool, _on(policies.get)),
    writing(
        f"{_POOLS}.setIamPolicy",
        f"{_P}.setIamPolicy",
        _pool,
        _on(policies.set_),
        _proposes(proposed.policy),
    ),
    public(
        f"{_POOLS}.testIamPermissions",
        _pool,
        _on(policies.test),
        why="it tells callers their own rights only",
    ),
    writing(
        f"{_POOLS}.providers.create",
        f"{_X}.create",
        _pool,
        _on(providers.create),
        _proposes(proposed.new),
    ),
    reading(f"{_POOLS}.providers.get", f"{_X}.get", _pool, _on(providers.get)),
    reading(f"{_POOLS}.providers.list", f"{_X}.list", _pool, _on(providers.list_)),
    writing(
        f"{_POOLS}.providers.patch",
        f"{_X}.update",
        _pool,
        _on(providers.patch),
        _proposes(proposed.patched),
    ),
    writing(f"{_POOLS}.providers.delete", f"{_X}.delete", _pool, _on(providers.delete)),
    writing(f"{_POOLS}.providers.undelete", f"{_X}.undelete", _pool, _on(providers.undelete)),
    writing(f"{_POOLS}.subjects.delete", f"{_S}.delete", _pool, _on(subjects.delete)),
    writing(f"{_POOLS}.subjects.undelete", f"{_S}.undelete", _pool, _on(subjects.undelete)),
    writing(
        f"{_POOLS}.subjects.revokeSessions", f"{_S}.delete", _pool, _on(subjects.revoke_sessions)
    ),
    *(
        reading(f"{_POOLS}.{noun}operations.get", f"{_P}.get", _pool, _on(pools.operation))
        for noun in ("", "providers.", "subjects.")
    ),
)


OWN = WireService(
    name="iam",
    version="v1",
    revision="",
    host="iam",
    methods=tuple(
        WireMethod(
            id=f"iam.organizations.bootstraps.{verb}",
            verb=http,
            path="v1/{parent=organizations/*}/bootstraps",
            parameters=(WireParameter("parent", "path", "string", required=True),),
        )
        for verb, http in (("create", "POST"), ("list", "GET"))
    ),
)
"""Methods that Google does not describe: this universe's own."""
