"""Service Usage v1: which APIs a project may use.

The table below is the service: each method with the permission that the gate asks for. What is
turned off is refused by a guard of the gate (`trust/policy/apis.py`), not here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.services.serviceusage import api
from rempart.services.serviceusage.store import Setup, UsageStore
from rempart.trust.session import Session
from rempart.wire import WireMethod, WireParameter, WireService

READ, WRITE = Access.READ, Access.WRITE
_IDENTITY = "services.generateServiceIdentity"


def _method(
    name: str,
    access: Access,
    permission: str,
    run: api.Run,
    resource: Callable[[Call, UsageStore], Awaitable[Resource]] = api.project,
) -> Method[UsageStore]:
    id_ = MethodId(f"serviceusage.{name}")
    return Method(id_, access, run, resource, f"serviceusage.{permission}")


METHODS: tuple[Method[UsageStore], ...] = (
    _method("services.enable", WRITE, "services.enable", api.enable),
    _method("services.disable", WRITE, "services.disable", api.disable),
    _method("services.get", READ, "services.get", api.get),
    _method("services.list", READ, "services.list", api.list_),
    _method("services.batchEnable", WRITE, "services.enable", api.batch_enable),
    _method("services.batchGet", READ, "services.get", api.batch_get),
    _method("operations.get", READ, "operations.get", api.get_operation, api.operation),
    _method("operations.list", READ, "operations.list", api.list_operations, api.listed_project),
    _method("operations.delete", WRITE, "operations.delete", api.delete_operation, api.operation),
    _method("operations.cancel", READ, "operations.cancel", api.cancel_operation, api.operation),
    _method(_IDENTITY, READ, "services.enable", api.generate_identity),
)

OWN = WireService(
    name="serviceusage",
    version="v1beta1",
    revision="",
    host="serviceusage",
    methods=(
        WireMethod(
            id=f"serviceusage.{_IDENTITY}",
            verb="POST",
            path="v1beta1/{parent=*/*/services/*}:generateServiceIdentity",
            parameters=(WireParameter("parent", "path", "string", required=True),),
        ),
    ),
)
"""The one method that only v1beta1 describes and clients call all the same."""


@dataclass(frozen=True, slots=True)
class ServiceUsageService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "serviceusage"
    methods: tuple[Method[UsageStore], ...] = METHODS

    def open(self, session: Session) -> UsageStore:
        """Return the store of one session."""
        return UsageStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
