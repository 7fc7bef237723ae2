"""Organization Policy v2: policies on organizations, folders and projects, and custom constraints.

The table below is the service: each method with the permission that the gate asks for, on what.
What policies mean, and their enforcement, is in `trust/policy/organization`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.services.orgpolicy.api import custom_constraints, policies
from rempart.services.orgpolicy.model import names
from rempart.services.orgpolicy.store import OrgPolicyStore, Setup
from rempart.trust.session import Session

_R, _W = Access.READ, Access.WRITE
Run = Callable[[Grant, Call, OrgPolicyStore], Awaitable[Reply]]


async def _container(call: Call, store: OrgPolicyStore) -> Resource:
    """Return the project, folder or organization that the path names or begins with."""
    return await store.resource(names.container(call.path.get("parent") or call.path["name"]))


def _method(name: str, access: Access, permission: str, run: Run) -> Method[OrgPolicyStore]:
    id_ = MethodId(f"orgpolicy.{name}")
    return Method(id_, access, run, _container, f"orgpolicy.{permission}")


def _on(above: str) -> tuple[Method[OrgPolicyStore], ...]:
    """Return the methods on the policies of a kind of container."""
    noun = f"{above}.policies"
    return (
        _method(f"{noun}.create", _W, "policies.create", policies.create),
        _method(f"{noun}.get", _R, "policy.get", policies.get),
        _method(f"{noun}.list", _R, "policies.list", policies.list_),
        _method(f"{noun}.patch", _W, "policies.update", policies.patch),
        _method(f"{noun}.delete", _W, "policies.delete", policies.delete),
        _method(f"{noun}.getEffectivePolicy", _R, "policy.get", policies.get_effective),
        _method(f"{above}.constraints.list", _R, "constraints.list", policies.list_constraints),
    )


_OWN = "customConstraints"

METHODS: tuple[Method[OrgPolicyStore], ...] = (
    *_on("organizations"),
    *_on("folders"),
    *_on("projects"),
    *(
        _method(f"organizations.{_OWN}.{verb}", access, f"{_OWN}.{permission}", run)
        for verb, access, permission, run in (
            ("create", _W, "create", custom_constraints.create),
            ("get", _R, "get", custom_constraints.get),
            ("list", _R, "list", custom_constraints.list_),
            ("patch", _W, "update", custom_constraints.patch),
            ("delete", _W, "delete", custom_constraints.delete),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class OrgPolicyService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "orgpolicy"
    methods: tuple[Method[OrgPolicyStore], ...] = METHODS

    def open(self, session: Session) -> OrgPolicyStore:
        """Return the store of one session."""
        return OrgPolicyStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
