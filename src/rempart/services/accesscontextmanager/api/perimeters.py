"""Service perimeters, and making dry runs real."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import only, text
from rempart.core.grant import Grant
from rempart.services.accesscontextmanager.api import asked
from rempart.services.accesscontextmanager.api.parts import Noun, methods, replace_all
from rempart.services.accesscontextmanager.model.perimeters import check_perimeter, check_together
from rempart.services.accesscontextmanager.model.shapes import Json, show
from rempart.services.accesscontextmanager.store import Store
from rempart.trust.policy.perimeters.documents import AccessPolicy, ServicePerimeter


async def commit(grant: Grant, call: Call, store: Store) -> Reply:
    """Enforce what every perimeter with an explicit dry run proposes."""
    only(call.document, "etag")
    policy = await store.policy(grant, asked.policy_name(call))
    asked.check_etag(text(call.document, "etag"), policy.etag)
    perimeters = {
        id_: _committed(store, one) if one.use_explicit_dry_run_spec else one
        for id_, one in policy.perimeters.items()
    }
    check_together(perimeters.values())
    store.put_policy(grant, replace(policy, perimeters=perimeters))
    shown: Json = {"servicePerimeters": [show(one) for one in perimeters.values()]}
    kind = "CommitServicePerimetersResponse"
    return await asked.done(grant, store, policy, kind, shown, policy.name)


def _committed(store: Store, perimeter: ServicePerimeter) -> ServicePerimeter:
    enforced = replace(perimeter, status=perimeter.spec, spec=None, use_explicit_dry_run_spec=False)
    return _sealed(store, enforced)


def _sealed(store: Store, perimeter: ServicePerimeter) -> ServicePerimeter:
    return replace(perimeter, etag=store.etag())


async def _check(
    grant: Grant, store: Store, policy: AccessPolicy, id_: str, perimeter: ServicePerimeter
) -> None:
    check_perimeter(policy, id_, perimeter)
    await store.check_places(grant, policy, perimeter)


def _removable(policy: AccessPolicy, name: str) -> None:
    """Raise where a bridge would join what is in no regular perimeter any more."""
    check_together(one for one in policy.perimeters.values() if one.name != name)


PERIMETERS = Noun(
    "servicePerimeters",
    ServicePerimeter,
    "perimeters",
    _check,
    seal=_sealed,
    removable=_removable,
    begin="accesscontextmanager.servicePerimeters.create",
)
METHODS = methods(PERIMETERS)
replace_perimeters = replace_all(PERIMETERS, "ReplaceServicePerimetersResponse")
