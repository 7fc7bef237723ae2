"""How a refusal reads: as each of Google's services words it.

Sources: Cloud Storage answers 412 with the constraint in the message, the others with
FAILED_PRECONDITION and google.rpc.PreconditionFailure; a custom constraint has an ErrorInfo.
"""

from __future__ import annotations

from urllib.parse import quote

from rempart.core.errors import CloudError, Code, ErrorInfo, denied, precondition_failed
from rempart.core.proposal import Proposal
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.organization.constraint import Constraint, Told
from rempart.trust.policy.organization.constraints import gcp, iam
from rempart.trust.policy.organization.documents import CustomConstraint

_STORAGE = "storage"
_HEADER = "If-Match"


def refusal(constraint: Constraint, asked: Asked, proposal: Proposal, value: str) -> CloudError:
    """Return the refusal of a proposal by a constraint of Google's."""
    told = constraint.tells(proposal, value) or _plainly(constraint, proposal)
    if asked.service == _STORAGE:
        return precondition_failed(_in_storage(constraint, told, value), field=_HEADER)
    violation = {
        "type": constraint.full,
        "subject": f"orgpolicy:{proposal.container}?configvalue={quote(value, safe='')}",
        "description": told.description or told.message,
    }
    return CloudError(
        Code.FAILED_PRECONDITION, told.message, reason="failedPrecondition", info=told.info
    ).with_details(_failure(violation))


def refused_call(constraint: Constraint, asked: Asked, container: str, value: str) -> CloudError:
    """Return the refusal of a call, whatever it is for."""
    if constraint.name == "gcp.restrictServiceUsage":
        message = (
            f"Request is disallowed by organization's {constraint.full} constraint for"
            f" '{container}' attempting to use service '{value}'."
        )
        metadata = (("consumer", container), ("service", value))
        info = ErrorInfo("RESOURCE_USAGE_RESTRICTION_VIOLATED", metadata=metadata)
        return denied(message, info=info)
    message = f"Request violates constraint '{constraint.full}'"
    if asked.service == _STORAGE:
        return precondition_failed(message, field=_HEADER)
    return CloudError(Code.FAILED_PRECONDITION, message, reason="failedPrecondition")


def custom_refusal(
    name: str, constraint: CustomConstraint, asked: Asked, proposal: Proposal
) -> CloudError:
    """Return the refusal of a proposal by an organization's own constraint."""
    full = f"customConstraints/{name}"
    place = f"{proposal.container}/locations/{proposal.location}"
    where = place if proposal.location else proposal.container
    told = constraint.display_name or constraint.description or name
    message = f'Operation denied by org policy on resource \'{where}\': ["{full}": "{told}"]'
    if asked.service == _STORAGE:
        return precondition_failed(message, field=_HEADER)
    service = gcp.service_of(proposal)
    info = ErrorInfo(
        "CUSTOM_ORG_POLICY_VIOLATION",
        metadata=(("customConstraints", full), ("service", service)),
    )
    return CloudError(
        Code.FAILED_PRECONDITION, message, reason="failedPrecondition", info=info
    ).with_details(_failure({"type": full, "subject": where, "description": told}))


def _plainly(constraint: Constraint, proposal: Proposal) -> Told:
    message = f"Constraint {constraint.full} violated for {proposal.container}."
    return Told(message, message)


def _in_storage(constraint: Constraint, told: Told, value: str) -> str:
    if constraint.name == "gcp.resourceLocations":
        return f"'{value.upper()}' violates constraint '{constraint.full}'"
    if constraint.name in iam.ON_MEMBERS:
        return told.message
    return f"Request violates constraint '{constraint.full}'"


def _failure(violation: dict[str, str]) -> dict[str, object]:
    kind = "type.googleapis.com/google.rpc.PreconditionFailure"
    return {"@type": kind, "violations": [violation]}
