"""Requests as Google's clients read them, and in full.

Source: ApprovalRequest of google.cloud.accessapproval.v1 and of its discovery document.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from rempart.core.clock import Micros, rfc3339
from rempart.trust.policy.support.documents import Request, Signature, Tally
from rempart.trust.policy.support.rules import State, state

Json = dict[str, object]
FILTERS: dict[str, frozenset[State]] = {
    "": frozenset((State.PENDING, State.ACTIVE)),
    "ALL": frozenset(State),
    "PENDING": frozenset((State.PENDING,)),
    "ACTIVE": frozenset((State.ACTIVE,)),
    "DISMISSED": frozenset((State.DISMISSED,)),
    "EXPIRED": frozenset((State.EXPIRED, State.INVALIDATED)),
    "HISTORY": frozenset(State) - {State.PENDING},
}
"""Which requests a list shows, by its filter."""


def request_json(name: str, request: Request, now: int) -> Json:
    """Return a request as Google shows it."""
    document = unsigned_json(name, request)
    approve = decision_json(request)
    if approve is not None:
        if request.invalidated:
            approve["invalidateTime"] = time(request.invalidated)
        if request.signatures:
            approve["signatureInfo"] = signature_json(request.signatures[-1])
        if request.broken:
            approve["autoApproved"] = True
        document["approve"] = approve
    if state(request, now) is State.DISMISSED:
        implicit = not request.dismissed
        document["dismiss"] = {
            "dismissTime": time(request.dismissed or request.expires),
            **({"implicit": True} if implicit else {}),
        }
    return document


def unsigned_json(name: str, request: Request) -> Json:
    """Return what was asked for."""
    locations = {
        "principalOfficeCountry": request.office,
        "principalPhysicalLocationCountry": request.residence,
    }
    document: Json = {
        "name": name,
        "requestedResourceName": request.scope,
        "requestedReason": {"type": request.reason, "detail": request.detail},
        "requestedLocations": locations,
        "requestTime": time(request.requested),
        "requestedExpiration": time(request.expires),
    }
    if not request.scope.startswith("projects/"):
        document["requestedResourceProperties"] = {"excludesDescendants": True}
    return document


def decision_json(request: Request) -> Json | None:
    """Return when approval was given and when it ends, None where it was not given."""
    if not request.approved:
        return None
    return {"approveTime": time(request.approved), "expireTime": time(request.until)}


def signature_json(one: Signature) -> Json:
    """Return a signature; older clients do not know `serializedApprovalRequest`."""
    by = {"customerKmsKeyVersion": one.key} if one.key else {"googlePublicKeyPem": one.pem}
    return {
        "signature": base64.b64encode(one.signature).decode(),
        "googleKeyAlgorithm": one.algorithm,
        "serializedApprovalRequest": base64.b64encode(one.serialized).decode(),
        **by,
    }


def details_json(name: str, request: Request, tally: Tally | None, now: int) -> Json:
    """Return everything that is known of a request."""
    document: Json = {
        "request": request_json(name, request, now),
        "state": state(request, now).value,
        "principal": request.principal,
        "person": request.person,
        "employer": request.employer,
        "case": request.case,
        "services": list(request.services),
        "access": "READ_WRITE" if request.writes else "READ",
        "begins": time(request.begins),
        "approversNeeded": request.needed,
        "approvals": [
            {
                "approver": one.approver,
                "time": time(one.time),
                "signatureInfo": signature_json(one),
                **({"evidence": one.evidence} if one.evidence else {}),
            }
            for one in request.signatures
        ],
        "session": tally_json(tally or Tally()),
    }
    optional: Json = {
        "externalKeys": list(request.keys),
        "breakGlass": {"officers": list(request.officers)} if request.broken else {},
        "withdrawn": bool(request.withdrawn),
        "endedBy": request.ended_by,
    }
    return document | {key: value for key, value in optional.items() if value}


def tally_json(tally: Tally) -> Json:
    """Return what was done under an approval, and its end record where it has ended."""
    document: Json = {"calls": tally.calls, "reads": tally.reads, "writes": tally.writes}
    shown: tuple[tuple[str, int, Callable[[int], object]], ...] = (
        ("firstCall", tally.first, time),
        ("lastCall", tally.last, time),
        ("ended", tally.ended, time),
    )
    document |= {key: show(value) for key, value, show in shown if value}
    return document | ({"cause": tally.cause, "answersCut": tally.cut} if tally.ended else {})


def time(micros: int) -> str:
    """Return a time as JSON has it."""
    return rfc3339(Micros(micros))
