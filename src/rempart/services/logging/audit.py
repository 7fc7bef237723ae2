"""Cloud Audit Logs: the universe's own log in Google's shape.

An entry is made of a leaf and nothing else, so it can be made again at any time; its labels say
which leaf, for whoever asks the log for the proof, and by which id the log knows the method, which
has Google's name in the entry. Source: google.cloud.audit.AuditLog; "Cloud Audit Logs overview".
"""

from __future__ import annotations

from rempart.core.log_type import LogType
from rempart.services.logging.kinds import Json
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import AUDIT_DOMAIN
from rempart.services.logging.monitored import asked_on, resource_of, subject
from rempart.services.logging.naming import name_of
from rempart.services.logging.query.moments import MICROS, written
from rempart.services.logging.service_data import service_data
from rempart.trust.witness.leaf import EVENT, REFUSAL, Leaf

INDEX_LABEL = "rempart.io/log-index"
METHOD_LABEL = "rempart.io/method"
ACTIVITY, DATA_ACCESS = "activity", "data_access"
SYSTEM_EVENT, POLICY = "system_event", "policy"
_ERROR_FROM = 400
_CODES = {
    400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 416: 11, 429: 8, 499: 1, 500: 13, 501: 12,
    503: 14, 504: 4, 507: 8,
}  # fmt: skip
"""google.rpc.Code by the status that it travels as."""

_UNKNOWN = 2


def entry(index: int, leaf: Leaf) -> Entry:
    """Return the log entry of the leaf at an index of the audit feed.

    It belongs to `leaf.container`, which must not be empty.
    """
    log = log_of(leaf)
    return headed(index, leaf, log, _severity(leaf, log), {"protoPayload": _audit(leaf)})


def headed(index: int, leaf: Leaf, log: str, severity: str, payload: Json) -> Entry:
    """Return an entry with what all of a leaf's entries begin with."""
    time = leaf.time * MICROS
    stamp = written(time)
    document: Json = {
        "logName": f"{leaf.container}/logs/{AUDIT_DOMAIN}%2F{log}",
        "resource": resource_of(leaf, name_of(leaf.method)),
        "timestamp": stamp,
        "receiveTimestamp": stamp,
        "severity": severity,
        "insertId": f"{index:x}",
        "labels": {INDEX_LABEL: str(index), METHOD_LABEL: leaf.method},
        **payload,
    }
    return Entry(time, document)


def log_of(leaf: Leaf) -> str:
    """Return the id of the log that an event belongs in."""
    if leaf.kind == REFUSAL:
        return POLICY
    if leaf.kind == EVENT:
        return SYSTEM_EVENT
    return ACTIVITY if leaf.access == LogType.ADMIN_WRITE.value else DATA_ACCESS


def _severity(leaf: Leaf, log: str) -> str:
    if leaf.status >= _ERROR_FROM:
        return "ERROR"
    return "INFO" if log == DATA_ACCESS else "NOTICE"


def _audit(leaf: Leaf) -> Json:
    payload: Json = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": f"{leaf.service}.googleapis.com",
        "methodName": name_of(leaf.method),
        "resourceName": subject(leaf),
        "authenticationInfo": _who(leaf),
        "requestMetadata": _whence(leaf),
        "status": _status(leaf),
    }
    if leaf.permission:
        payload["authorizationInfo"] = [
            {
                "resource": asked_on(leaf),
                "permission": leaf.permission,
                "granted": leaf.kind != REFUSAL,
                "permissionType": leaf.access,
            }
        ]
    changed, facts = service_data(leaf)
    return payload | changed | {"metadata": {**facts, **_justification(leaf)}}


def _who(leaf: Leaf) -> Json:
    kind, _, email = leaf.principal.partition(":")
    who: Json = {"principalSubject": leaf.principal}
    if kind in {"user", "serviceAccount"}:
        who["principalEmail"] = email
    if leaf.acting:
        who["serviceAccountDelegationInfo"] = [{"principalSubject": one} for one in leaf.acting]
    return who


def _whence(leaf: Leaf) -> Json:
    whence: Json = {"callerIp": leaf.remote} if leaf.remote else {}
    return whence | ({"callerSuppliedUserAgent": leaf.agent} if leaf.agent else {})


def _status(leaf: Leaf) -> Json:
    if leaf.status < _ERROR_FROM:
        return {}
    status: Json = {"code": _CODES.get(leaf.status, _UNKNOWN)}
    return status | ({"message": leaf.message} if leaf.message else {})


def _justification(leaf: Leaf) -> Json:
    found: Json = {"requestId": leaf.request}
    found |= {"accessReason": leaf.reason} if leaf.reason else {}
    found |= {"accessApproval": leaf.approval} if leaf.approval else {}
    return found | ({"cryptoKeyVersions": leaf.key.split()} if leaf.key else {})
