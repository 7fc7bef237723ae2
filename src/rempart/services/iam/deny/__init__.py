"""IAM v2: deny policies on organizations, folders and projects.

The table below is the service: each method with the permission that the gate asks for, on the
level that the policy is attached to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rempart.core.call import MethodId
from rempart.core.clock import World
from rempart.core.method import Access, Method
from rempart.services.iam.deny import api
from rempart.services.iam.deny.store import DenyStore
from rempart.trust.session import Session

_R, _W = Access.READ, Access.WRITE


def _method(name: str, access: Access, verb: str, run: api.Run) -> Method[DenyStore]:
    id_ = MethodId(f"iam.policies.{name}")
    return Method(id_, access, run, api.asked, f"iam.denypolicies.{verb}")


METHODS: tuple[Method[DenyStore], ...] = (
    _method("createPolicy", _W, "create", api.create),
    _method("delete", _W, "delete", api.delete),
    _method("get", _R, "get", api.get),
    _method("listPolicies", _R, "list", api.list_),
    _method("operations.get", _R, "get", api.operation),
    _method("update", _W, "update", api.update),
)


@dataclass(frozen=True, slots=True)
class DenyService:
    """The API as the gate serves it."""

    world: World
    name: str = "iam"
    methods: tuple[Method[DenyStore], ...] = METHODS

    def open(self, session: Session) -> DenyStore:
        """Return the store of one session."""
        return DenyStore(self.world, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
