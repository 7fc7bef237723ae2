"""IAM v3: principal access boundary policies of organizations, and their bindings.

The table below is the service: each method with the permission that the gate asks for, on the
level that the call names. Access policies, which IAM v3 has beside them, are not answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId, Reply
from rempart.core.clock import World
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.services.iam.boundaries import bindings, policies
from rempart.services.iam.boundaries.store import BoundaryStore
from rempart.trust.session import Session

_R, _W = Access.READ, Access.WRITE
_NOUNS = ("projects", "folders", "organizations")

Run = Callable[[Grant, Call, BoundaryStore], Awaitable[Reply]]


def _policy(name: str, access: Access, verb: str, run: Run) -> Method[BoundaryStore]:
    id_ = MethodId(f"iam.organizations.locations.principalAccessBoundaryPolicies.{name}")
    permission = f"iam.principalaccessboundarypolicies.{verb}"
    return Method(id_, access, run, policies.organization, permission)


def _on(noun: str, name: str, access: Access, permission: str, run: Run) -> Method[BoundaryStore]:
    id_ = MethodId(f"iam.{noun}.locations.{name}")
    return Method(id_, access, run, bindings.level, permission)


def _bindings(noun: str) -> tuple[Method[BoundaryStore], ...]:
    seen, manager = "iam.policybindings", f"resourcemanager.{noun}"
    base = "policyBindings"
    return (
        _on(noun, f"{base}.create", _W, f"{manager}.createPolicyBinding", bindings.create),
        _on(noun, f"{base}.delete", _W, f"{manager}.deletePolicyBinding", bindings.delete),
        _on(noun, f"{base}.get", _R, f"{seen}.get", bindings.get),
        _on(noun, f"{base}.list", _R, f"{seen}.list", bindings.list_),
        _on(noun, f"{base}.patch", _W, f"{manager}.updatePolicyBinding", bindings.patch),
        _on(
            noun,
            f"{base}.searchTargetPolicyBindings",
            _R,
            f"{manager}.searchPolicyBindings",
            bindings.search_target,
        ),
        _on(noun, "operations.get", _R, f"{seen}.get", bindings.operation),
    )


METHODS: tuple[Method[BoundaryStore], ...] = (
    _policy("create", _W, "create", policies.create),
    _policy("delete", _W, "delete", policies.delete),
    _policy("get", _R, "get", policies.get),
    _policy("list", _R, "list", policies.list_),
    _policy("patch", _W, "update", policies.patch),
    _policy("searchPolicyBindings", _R, "searchPolicyBindings", policies.search_bindings),
    *(method for noun in _NOUNS for method in _bindings(noun)),
)


@dataclass(frozen=True, slots=True)
class BoundaryService:
    """The API as the gate serves it."""

    world: World
    name: str = "iam"
    methods: tuple[Method[BoundaryStore], ...] = METHODS

    def open(self, session: Session) -> BoundaryStore:
        """Return the store of one session."""
        return BoundaryStore(self.world, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
