"""Access Transparency: what the operator's people did at a customer's, in Google's shape.

Each is made of the entry that the log had of the call before anything of it was done, and of the
request that a customer approved. Source: "Access Transparency logs reference".
"""

from __future__ import annotations

from rempart.services.logging import audit
from rempart.services.logging.kinds import Json
from rempart.services.logging.model.entry import Entry
from rempart.trust.policy.support.documents import Request
from rempart.trust.witness.leaf import Leaf

LOG = "access_transparency"
UNKNOWN = "??"
"""What Google writes of a country that is not told."""

_TYPE = "type.googleapis.com/google.cloud.audit.TransparencyLog"
_VERBS = {
    "get": "Get", "list": "List", "create": "Create", "insert": "Create", "delete": "Delete",
    "update": "Update", "patch": "Update", "search": "Query",
}  # fmt: skip
_WRITES = "WRITE"


def entry(index: int, leaf: Leaf, request: Request | None) -> Entry:
    """Return the entry of a call that an approval let in; `request` is what was approved."""
    payload: Json = {
        "@type": _TYPE,
        "location": _location(request),
        "product": [f"{leaf.service}.googleapis.com"],
        "reason": [_reason(leaf, request)],
        "permissionDetails": [{"permissionType": leaf.access, "logAccessed": False}],
        "eventId": f"{index:x}",
        "accesses": [{"methodName": _method(leaf), "resourceName": leaf.resource}],
        "accessApprovals": [leaf.approval],
    }
    return audit.headed(index, leaf, LOG, "NOTICE", {"jsonPayload": payload})


def _location(request: Request | None) -> Json:
    return {
        "principalOfficeCountry": request.office if request else UNKNOWN,
        "principalEmployingEntity": request.employer if request else "",
        "principalPhysicalLocationCountry": request.residence if request else UNKNOWN,
    }


def _reason(leaf: Leaf, request: Request | None) -> Json:
    reason: Json = {"type": leaf.reason or "REASON_UNSPECIFIED"}
    if request and request.case:
        reason["detail"] = f"Case number: {request.case}"
    return reason


def _method(leaf: Leaf) -> str:
    """Return the nearest of Google's names of accesses."""
    other = "Write" if leaf.access.endswith(_WRITES) else "Read"
    return f"GoogleInternal.{_VERBS.get(leaf.method.rpartition('.')[2], other)}"
