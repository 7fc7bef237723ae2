"""Access Approval v1: the customer decides whether the operator's staff reach what is theirs.

The table below is the service. What an approval lets in, and that nothing else does, is in
`trust/policy/support`; what is not Google's is in `OWN` (docs/support-access.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.services.accessapproval.api import asked, desk, requests, settings
from rempart.services.accessapproval.store import ApprovalStore, Setup
from rempart.trust.session import Session
from rempart.wire import WireMethod, WireParameter, WireService

_R, _W = Access.READ, Access.WRITE
_STAFF = "who may ask is decided by the signed register of the operator's staff, not by IAM"
Run = Callable[[Grant, Call, ApprovalStore], Awaitable[Reply]]


def _method(name: str, access: Access, permission: str, run: Run) -> Method[ApprovalStore]:
    id_ = MethodId(f"accessapproval.{name}")
    return Method(id_, access, run, asked.container, f"accessapproval.{permission}")


def _on(above: str) -> tuple[Method[ApprovalStore], ...]:
    """Return the methods on a kind of container."""
    noun = f"{above}.approvalRequests"
    return (
        _method(f"{noun}.list", _R, "requests.list", requests.list_),
        _method(f"{noun}.get", _R, "requests.get", requests.get),
        _method(f"{noun}.approve", _W, "requests.approve", requests.approve),
        _method(f"{noun}.dismiss", _W, "requests.dismiss", requests.dismiss),
        _method(f"{noun}.invalidate", _W, "requests.invalidate", requests.invalidate),
        _method(f"{above}.getAccessApprovalSettings", _R, "settings.get", settings.get),
        _method(f"{above}.updateAccessApprovalSettings", _W, "settings.update", settings.update),
        _method(f"{above}.deleteAccessApprovalSettings", _W, "settings.delete", settings.delete),
        _method(f"{above}.getServiceAccount", _R, "serviceAccounts.get", settings.service_account),
    )


def _desk(verb: str, access: Access, run: Run) -> Method[ApprovalStore]:
    id_ = MethodId(f"accessapproval.supportRequests.{verb}")
    return Method(id_, access, run, asked.desk, public=_STAFF)


METHODS: tuple[Method[ApprovalStore], ...] = (
    *_on("projects"),
    *_on("folders"),
    *_on("organizations"),
    _method("approvalRequests.details", _R, "requests.get", requests.details),
    _method("approvalRequests.withdraw", _W, "requests.dismiss", requests.withdraw),
    _method("getSupportSettings", _R, "settings.get", settings.get_support),
    _method("updateSupportSettings", _W, "settings.update", settings.update_support),
    _desk("open", _W, desk.open_),
    _desk("list", _R, desk.list_),
    _desk("show", _R, desk.show),
    _desk("close", _W, desk.close),
)

_NAMED = (WireParameter("name", "path", "string", required=True),)
_REQUEST = "{name=*/*/approvalRequests/*}"
_SETTINGS = "v1/{name=*/*/supportSettings}"


def _wire(name: str, verb: str, path: str) -> WireMethod:
    parameters = _NAMED if "{" in path else ()
    return WireMethod(f"accessapproval.{name}", verb, path, parameters=parameters)


OWN = WireService(
    name="accessapproval",
    version="v1",
    revision="",
    host="accessapproval",
    methods=(
        _wire("approvalRequests.details", "GET", f"v1/{_REQUEST}:details"),
        _wire("approvalRequests.withdraw", "POST", f"v1/{_REQUEST}:withdraw"),
        _wire("getSupportSettings", "GET", _SETTINGS),
        _wire("updateSupportSettings", "PATCH", _SETTINGS),
        _wire("supportRequests.open", "POST", "v1/supportRequests"),
        _wire("supportRequests.list", "GET", "v1/supportRequests"),
        _wire("supportRequests.show", "GET", f"v1/supportRequests/{_REQUEST}"),
        _wire("supportRequests.close", "POST", f"v1/supportRequests/{_REQUEST}:close"),
    ),
)
"""What Google's API lacks: the staff's side, signatures of all approvers, and how many it takes."""


@dataclass(frozen=True, slots=True)
class AccessApprovalService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "accessapproval"
    methods: tuple[Method[ApprovalStore], ...] = METHODS

    def open(self, session: Session) -> ApprovalStore:
        """Return the store of one session."""
        return ApprovalStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
