"""The monitored resource that an audit log entry is about, made of a leaf alone.

Source: "Monitored resources and services" of Cloud Logging.
"""

from __future__ import annotations

import re

from rempart.services.logging.kinds import Json
from rempart.trust.witness.leaf import Leaf

_ACCOUNT = re.compile(r"projects/[^/]+/serviceAccounts/(?P<email_id>[^/]+)")
_NAMED = {
    "storage": re.compile(r"projects/[^/]*/buckets/(?P<bucket_name>[^/]+)"),
    "cloudkms": re.compile(
        r"projects/[^/]+/locations/(?P<location>[^/]+)/keyRings/(?P<key_ring_id>[^/]+)"
        r"(?:/cryptoKeys/(?P<crypto_key_id>[^/]+)"
        r"(?:/cryptoKeyVersions/(?P<crypto_key_version_id>[^/]+))?)?"
    ),
    "iam": _ACCOUNT,
    "iamcredentials": _ACCOUNT,
}
"""Of an API's resources what of the name's beginning becomes labels.

No more than the beginning: objects may be named as their makers like.
"""

_TYPES = {
    "bucket_name": "gcs_bucket",
    "key_ring_id": "cloudkms_keyring",
    "crypto_key_id": "cloudkms_cryptokey",
    "crypto_key_version_id": "cloudkms_cryptokeyversion",
    "email_id": "service_account",
}
"""The type of a resource by the last of its labels."""

_CHANGED = {
    **dict.fromkeys(
        (f"google.iam.admin.v1.{verb}Role" for verb in ("Create", "Update", "Delete", "Undelete")),
        ("role", "iam_role", "role_name"),
    ),
    **dict.fromkeys(
        (
            f"google.logging.v2.ConfigServiceV2.{verb}Sink"
            for verb in ("Create", "Update", "Delete")
        ),
        ("sink", "logging_sink", "name"),
    ),
}
"""By Google's name of a method: the fact that tells what it changed, its type, and the label.

Such a call asks for a permission on what the thing lies in, so the resource's name does not tell.
"""

_NOTHING = ("", "", "")
_NEW_BUCKET = "storage.buckets.insert"
_RINGS = "cloudkms.projects.locations.keyRings"
_KEYS = f"{_RINGS}.cryptoKeys"
_MADE = {
    _NEW_BUCKET: ("bucket", "projects/_/buckets/"),
    f"{_RINGS}.create": ("keyRing", ""),
    f"{_KEYS}.create": ("cryptoKey", ""),
    f"{_KEYS}.cryptoKeyVersions.create": ("cryptoKeyVersion", ""),
    f"{_KEYS}.cryptoKeyVersions.import": ("cryptoKeyVersion", ""),
    "iam.projects.serviceAccounts.create": ("serviceAccount", "projects/-/serviceAccounts/"),
}
"""By the id of a method that makes something: the fact that names it, and what stands before."""

_MANAGER = "cloudresourcemanager"
_NOUNS = {"projects": "project", "folders": "folder", "organizations": "organization"}


def resource_of(leaf: Leaf, method: str) -> Json:
    """Return the resource of a leaf; `method` is Google's name of its method."""
    noun, _, id_ = leaf.container.partition("/")
    labels: Json = {f"{_NOUNS[noun]}_id": id_}
    type_, named = _typed(leaf, method)
    if type_:
        return {"type": type_, "labels": labels | named}
    if noun != "projects" or (leaf.service == _MANAGER and leaf.resource == leaf.container):
        return {"type": _NOUNS[noun], "labels": labels}
    labels |= {"service": f"{leaf.service}.googleapis.com", "method": method}
    return {"type": "audited_resource", "labels": labels}


def _typed(leaf: Leaf, method: str) -> tuple[str, Json]:
    """Return the type of what a call was about and its labels, empty where it has none."""
    fact, type_, label = _CHANGED.get(method, _NOTHING)
    if fact in leaf.facts:
        return type_, {label: leaf.facts[fact]}
    pattern = _NAMED.get(leaf.service)
    found = pattern.match(_made(leaf) or leaf.resource) if pattern else None
    if found is None or found.lastgroup is None:
        return "", {}
    named = {label: value for label, value in found.groupdict().items() if value}
    if leaf.method == _NEW_BUCKET and "location" in leaf.facts:
        named["location"] = leaf.facts["location"].lower()
    return _TYPES[found.lastgroup], named


def subject(leaf: Leaf) -> str:
    """Return what a call was about: of a new bucket or key its name, not that of what it lies in.

    Only the answer says it, so a call that made nothing is about where it would lie. A new service
    account is about its project, as at Google.
    """
    return leaf.resource if leaf.service == "iam" else _made(leaf) or leaf.resource


def asked_on(leaf: Leaf) -> str:
    """Return what the permission of a call was asked on; of a new bucket Google writes its name."""
    return subject(leaf) if leaf.method == _NEW_BUCKET else leaf.resource


def _made(leaf: Leaf) -> str:
    fact, before = _MADE.get(leaf.method, ("", ""))
    return before + leaf.facts[fact] if fact in leaf.facts else ""
