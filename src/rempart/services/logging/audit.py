"""Cloud Audit Logs: the universe's own log in Google's shape.

An entry is made of a leaf and nothing else, so it can be made again at any time; its label says
which leaf, for whoever asks the log for the proof. Source: google.cloud.audit.AuditLog; "Cloud
Audit Logs overview".
"""

from __future__ import annotations

import re

from rempart.core.log_type import LogType
from rempart.services.logging.kinds import Json
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import AUDIT_DOMAIN
from rempart.services.logging.query.moments import MICROS, written
from rempart.trust.witness.leaf import EVENT, REFUSAL, Leaf

INDEX_LABEL = "rempart.io/log-index"
ACTIVITY, DATA_ACCESS = "activity", "data_access"
SYSTEM_EVENT, POLICY = "system_event", "policy"
_ERROR_FROM = 400
_CODES = {
    400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 416: 11, 429: 8, 499: 1, 500: 13, 501: 12,
    503: 14, 504: 4, 507: 8,
}  # fmt: skip
"""google.rpc.Code by the status that it travels as."""

_UNKNOWN = 2
_ACCOUNT = re.compile(r"projects/[^/]+/serviceAccounts/(?P<email_id>[^/]+)")
_TYPES = {
    "storage": ("gcs_bucket", re.compile(r"projects/[^/]*/buckets/(?P<bucket_name>[^/]+)")),
    "cloudkms": (
        "cloudkms_keyring",
        re.compile(
            r"projects/[^/]+/locations/(?P<location>[^/]+)/keyRings/(?P<key_ring_id>[^/]+)"
            r"(/cryptoKeys/(?P<crypto_key_id>[^/]+))?"
        ),
    ),
    "iam": ("service_account", _ACCOUNT),
    "iamcredentials": ("service_account", _ACCOUNT),
}
"""Of an API's resources the type, and what of the name's beginning becomes labels.

No more than the beginning: objects may be named as their makers like.
"""

_NEW_BUCKET = "storage.buckets.insert"
_KEY, _KEY_ID = "cloudkms_cryptokey", "crypto_key_id"
_NOUNS = {"projects": "project", "folders": "folder", "organizations": "organization"}


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
        "resource": _resource(leaf),
        "timestamp": stamp,
        "receiveTimestamp": stamp,
        "severity": severity,
        "insertId": f"{index:x}",
        "labels": {INDEX_LABEL: str(index)},
    }
    return Entry(time, {**document, **payload})


def log_of(leaf: Leaf) -> str:
    """Return the id of the log that an event belongs in."""
    if leaf.kind == REFUSAL:
        return POLICY
    if leaf.kind == EVENT:
        return SYSTEM_EVENT
    return ACTIVITY if leaf.access == LogType.ADMIN_WRITE.value else DATA_ACCESS


def _name(leaf: Leaf) -> str:
    """Return what a call was about: of a new bucket its name, not that of the project asked for it.

    Only the answer says it, so a call that made no bucket is about the project.
    """
    if leaf.method == _NEW_BUCKET and "bucket" in leaf.facts:
        return f"projects/_/buckets/{leaf.facts['bucket']}"
    return leaf.resource


def _severity(leaf: Leaf, log: str) -> str:
    if leaf.status >= _ERROR_FROM:
        return "ERROR"
    return "INFO" if log == DATA_ACCESS else "NOTICE"


def _resource(leaf: Leaf) -> Json:
    noun, _, id_ = leaf.container.partition("/")
    labels: Json = {f"{_NOUNS[noun]}_id": id_}
    type_, pattern = _TYPES.get(leaf.service, ("", _ACCOUNT))
    found = pattern.match(_name(leaf)) if type_ else None
    if found is not None:
        named = {label: value for label, value in found.groupdict().items() if value}
        if leaf.method == _NEW_BUCKET and "location" in leaf.facts:
            named["location"] = leaf.facts["location"].lower()
        return {"type": _KEY if _KEY_ID in named else type_, "labels": labels | named}
    if noun != "projects":
        return {"type": _NOUNS[noun], "labels": labels}
    labels |= {"service": f"{leaf.service}.googleapis.com", "method": leaf.method}
    return {"type": "audited_resource", "labels": labels}


def _audit(leaf: Leaf) -> Json:
    name = _name(leaf)
    payload: Json = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": f"{leaf.service}.googleapis.com",
        "methodName": leaf.method,
        "resourceName": name,
        "authenticationInfo": _who(leaf),
        "requestMetadata": _whence(leaf),
        "status": _status(leaf),
    }
    if leaf.permission:
        payload["authorizationInfo"] = [
            {
                "resource": name,
                "permission": leaf.permission,
                "granted": leaf.kind != REFUSAL,
                "permissionType": leaf.access,
            }
        ]
    metadata = {**leaf.facts, **_justification(leaf)}
    return payload | ({"metadata": metadata} if metadata else {})


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
