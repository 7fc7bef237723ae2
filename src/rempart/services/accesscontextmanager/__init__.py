"""Access Context Manager v1: access policies, their levels and service perimeters.

The table below is the service. What it stores is enforced by a guard of the gate
(`trust/policy/perimeters/guard.py`), for every service alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId
from rempart.core.method import Access, Method
from rempart.core.names import ResourceName
from rempart.core.policy import Resource
from rempart.core.proposal import Proposal
from rempart.services.accesscontextmanager.api import (
    asked,
    bindings,
    levels,
    others,
    perimeters,
    policies,
)
from rempart.services.accesscontextmanager.api.parts import Run
from rempart.services.accesscontextmanager.store import SERVICE, Setup, Store
from rempart.trust.session import Session

_NAME = "accesscontextmanager"
_R, _W = Access.READ, Access.WRITE
_WHY_PUBLIC = "it tells which APIs a universe has, as its clients know anyway"
_WHY_TESTED = "it answers with what the caller may do, which is nothing for a stranger"
Resources = Callable[[Call, Store], Awaitable[Resource]]
Proposes = Callable[[Call, Store], Awaitable[Proposal | None]]


async def _anywhere(_call: Call, _store: Store) -> Resource:
    return Resource(ResourceName(SERVICE, f"{SERVICE}/Service", "services"), None)


def _method(
    name: str,
    access: Access,
    permission: str,
    run: Run,
    on: Resources = asked.policy,
    proposes: Proposes | None = None,
) -> Method[Store]:
    id_ = MethodId(f"{_NAME}.{name}")
    return Method(id_, access, run, on, f"{_NAME}.{permission}", proposes=proposes)


def _public(name: str, run: Run, why: str, on: Resources = _anywhere) -> Method[Store]:
    return Method(MethodId(f"{_NAME}.{name}"), _R, run, on, public=why)


def _five(
    above: str, noun: str, made: Mapping[str, Run], on: Resources = asked.policy
) -> tuple[Method[Store], ...]:
    """Return the methods that every kind of resource under another has."""
    verbs = {"create": _W, "get": _R, "list": _R, "patch": _W, "delete": _W}
    return tuple(
        _method(
            f"{above}.{noun}.{verb}",
            access,
            f"{noun}.{'update' if verb == 'patch' else verb}",
            made[verb],
            on,
        )
        for verb, access in verbs.items()
    )


def _parts(noun: str, made: Mapping[str, Run]) -> tuple[Method[Store], ...]:
    return _five("accessPolicies", noun, made)


_BINDINGS: Mapping[str, Run] = {
    "create": bindings.create,
    "get": bindings.get,
    "list": bindings.list_,
    "patch": bindings.patch,
    "delete": bindings.delete,
}


_TESTED = tuple(
    _public(
        f"accessPolicies.{noun}testIamPermissions", policies.test_iam, _WHY_TESTED, asked.policy
    )
    for noun in ("", "accessLevels.", "servicePerimeters.")
)

METHODS: tuple[Method[Store], ...] = (
    _method("accessPolicies.create", _W, "policies.create", policies.create, asked.organization),
    _method("accessPolicies.list", _R, "policies.list", policies.list_, asked.organization),
    _method("accessPolicies.get", _R, "policies.get", policies.get),
    _method("accessPolicies.patch", _W, "policies.update", policies.patch),
    _method("accessPolicies.delete", _W, "policies.delete", policies.delete),
    _method("accessPolicies.getIamPolicy", _R, "policies.getIamPolicy", policies.get_iam),
    _method(
        "accessPolicies.setIamPolicy",
        _W,
        "policies.setIamPolicy",
        policies.set_iam,
        proposes=policies.proposes_iam,
    ),
    *_TESTED,
    *_parts("accessLevels", levels.METHODS),
    _method(
        "accessPolicies.accessLevels.replaceAll",
        _W,
        "accessLevels.replaceAll",
        levels.replace_levels,
    ),
    *_parts("servicePerimeters", perimeters.METHODS),
    _method(
        "accessPolicies.servicePerimeters.replaceAll",
        _W,
        "servicePerimeters.replaceAll",
        perimeters.replace_perimeters,
    ),
    _method(
        "accessPolicies.servicePerimeters.commit",
        _W,
        "servicePerimeters.commit",
        perimeters.commit,
    ),
    *_parts("authorizedOrgsDescs", others.AUTHORIZED),
    *_five("organizations", "gcpUserAccessBindings", _BINDINGS, bindings.organization),
    _method("operations.get", _R, "policies.get", others.get_operation, asked.operation),
    *(
        _method(
            f"{noun}.lookupConfiguredServicePerimeter",
            _R,
            "servicePerimeters.get",
            others.lookup,
            asked.container,
        )
        for noun in ("projects", "folders")
    ),
    _public("permissions.list", others.list_permissions, _WHY_PUBLIC),
    _public("services.list", others.list_services, _WHY_PUBLIC),
    _public("services.get", others.get_service, _WHY_PUBLIC),
)


@dataclass(frozen=True, slots=True)
class AccessContextManagerService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = _NAME
    methods: tuple[Method[Store], ...] = METHODS

    def open(self, session: Session) -> Store:
        """Return the store of one session."""
        return Store(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
