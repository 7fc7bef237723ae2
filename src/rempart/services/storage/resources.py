"""Cloud Storage's resources as its JSON API shows them.

Source: the resource schemas of the Cloud Storage JSON API v1.
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote

from rempart.core.clock import Micros, rfc3339
from rempart.core.policy import Policy
from rempart.services.storage.etags import bucket_etag, object_etag
from rempart.services.storage.kinds import HmacKey, ManagedFolder
from rempart.services.storage.model import acl
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.checksums import crc32c_text, md5_text
from rempart.services.storage.model.object import Headers, Object, retained_until
from rempart.trust.policy.validate import CONDITION_VERSION, policy_to_json

Json = dict[str, Any]
_UNQUOTED = re.compile(r"[A-Za-z0-9_.~/-]*").fullmatch


def bucket_json(bucket: Bucket, base: str, *, full: bool) -> Json:
    """Return a bucket resource; `full` adds the ACLs where they count."""
    shown: Json = {
        "kind": "storage#bucket",
        "id": bucket.name,
        "name": bucket.name,
        "selfLink": f"{base}/storage/v1/b/{bucket.name}",
        "projectNumber": bucket.project_number,
        "location": bucket.location,
        "locationType": "region",
        "storageClass": bucket.storage_class,
        "timeCreated": rfc3339(bucket.created),
        "updated": rfc3339(bucket.updated),
        "metageneration": str(bucket.metageneration),
        "etag": bucket_etag(bucket),
        "generation": str(bucket.created),
        "iamConfiguration": _iam_configuration(bucket),
        "softDeletePolicy": _soft_delete(bucket),
    }
    if bucket.default_kms_key:
        shown["encryption"] = {"defaultKmsKeyName": bucket.default_kms_key}
    if bucket.labels:
        shown["labels"] = bucket.labels
    if bucket.versioning:
        shown["versioning"] = {"enabled": True}
    if bucket.default_event_hold:
        shown["defaultEventBasedHold"] = True
    if bucket.object_retention:
        shown["objectRetention"] = {"mode": "Enabled"}
    if bucket.retention:
        shown["retentionPolicy"] = {
            "retentionPeriod": str(bucket.retention.seconds),
            "effectiveTime": rfc3339(bucket.retention.effective),
            **({"isLocked": True} if bucket.retention.locked else {}),
        }
    if full and not bucket.uniform_access:
        shown |= _bucket_lists(bucket, base)
    return shown


def _iam_configuration(bucket: Bucket) -> Json:
    uniform: Json = {"enabled": bucket.uniform_access}
    if bucket.uniform_access:
        uniform["lockedTime"] = rfc3339(Micros(bucket.uniform_lock_time))
    return {
        "uniformBucketLevelAccess": uniform,
        "bucketPolicyOnly": uniform,
        "publicAccessPrevention": bucket.public_access_prevention,
    }


def _soft_delete(bucket: Bucket) -> Json:
    shown: Json = {"retentionDurationSeconds": str(bucket.soft_delete_seconds)}
    if bucket.soft_delete_seconds:
        effective = bucket.soft_delete_effective or bucket.created
        shown["effectiveTime"] = rfc3339(Micros(effective))
    return shown


def _bucket_lists(bucket: Bucket, base: str) -> Json:
    entries = acl.bucket_acl(bucket.policy, bucket.project, bucket.project_number)
    return {
        "acl": [bucket_acl_json(bucket, one, base) for one in entries],
        "defaultObjectAcl": [default_acl_json(bucket, one) for one in bucket.default_object_acl],
        "owner": {"entity": f"project-owners-{bucket.project_number}"},
    }


def bucket_acl_json(bucket: Bucket, entry: acl.AclEntry, base: str) -> Json:
    """Return a BucketAccessControl resource."""
    return {
        "kind": "storage#bucketAccessControl",
        "id": f"{bucket.name}/{entry.entity}",
        "selfLink": f"{base}/storage/v1/b/{bucket.name}/acl/{quote(entry.entity, safe='')}",
        "bucket": bucket.name,
        "etag": bucket_etag(bucket),
        **_entry(entry),
    }


def default_acl_json(bucket: Bucket, entry: acl.AclEntry) -> Json:
    """Return an ObjectAccessControl resource of a bucket's default list."""
    return {
        "kind": "storage#objectAccessControl",
        "etag": bucket_etag(bucket),
        **_entry(entry),
    }


def object_acl_json(bucket: Bucket, found: Object, entry: acl.AclEntry) -> Json:
    """Return an ObjectAccessControl resource of one generation."""
    return {
        "kind": "storage#objectAccessControl",
        "id": f"{bucket.name}/{found.name}/{found.generation}/{entry.entity}",
        "bucket": bucket.name,
        "object": found.name,
        "generation": str(found.generation),
        "etag": object_etag(found),
        **_entry(entry),
    }


def _entry(entry: acl.AclEntry) -> Json:
    shown: Json = {"entity": entry.entity, "role": entry.role}
    kind, _, rest = entry.entity.partition("-")
    if kind == "user":
        shown["email"] = rest
    elif kind == "project":
        team, _, number = rest.partition("-")
        shown["projectTeam"] = {"team": team, "projectNumber": number}
    return shown


def object_json(
    bucket: Bucket, found: Object, base: str, *, full: bool = False, own: bytes = b""
) -> Json:
    """Return an object resource; `full` adds owner and ACL where they count.

    Hashes are fingerprints of the plaintext: of an object under a customer-supplied key they are
    shown to a caller who brings that key (`own`: its SHA-256), of one under a Cloud KMS key where
    they were opened with it.
    """
    content, settings, headers = found.content, found.settings, found.settings.headers
    path = f"storage/v1/b/{bucket.name}/o/{_segment(found.name)}"
    generation = str(found.generation)
    created = rfc3339(found.created)
    open_ = content.csek_sha256 in {b"", own}
    shown: Json = {
        "kind": "storage#object",
        "id": f"{bucket.name}/{found.name}/{generation}",
        "selfLink": f"{base}/{path}",
        "mediaLink": f"{base}/download/{path}?generation={generation}&alt=media",
        "name": found.name,
        "bucket": bucket.name,
        "generation": generation,
        "metageneration": str(found.metageneration),
        "storageClass": settings.storage_class,
        "size": str(content.size),
        "etag": object_etag(found),
        "timeCreated": created,
        "updated": created if found.updated == found.created else rfc3339(found.updated),
        "timeStorageClassUpdated": (
            rfc3339(Micros(found.class_updated)) if found.class_updated else created
        ),
        "timeFinalized": created,
    }
    if open_ and not content.sums:
        shown["crc32c"] = crc32c_text(content.crc32c)
        if content.md5:
            shown["md5Hash"] = md5_text(content.md5)
    _add_headers(shown, headers)
    _add_marks(shown, found)
    if settings.retention or bucket.retention:
        shown |= _retention(bucket, found)
    if content.csek_sha256:
        shown["customerEncryption"] = {
            "encryptionAlgorithm": "AES256",
            "keySha256": base64.b64encode(content.csek_sha256).decode(),
        }
    if content.kms_version:
        shown["kmsKeyName"] = content.kms_version
    if full and not bucket.uniform_access:
        shown["owner"] = {"entity": found.owner}
        shown["acl"] = [object_acl_json(bucket, found, entry) for entry in found.acl]
    return shown


def _add_headers(shown: Json, headers: Headers) -> None:
    if headers.content_type:
        shown["contentType"] = headers.content_type
    if headers.content_encoding:
        shown["contentEncoding"] = headers.content_encoding
    if headers.content_disposition:
        shown["contentDisposition"] = headers.content_disposition
    if headers.content_language:
        shown["contentLanguage"] = headers.content_language
    if headers.cache_control:
        shown["cacheControl"] = headers.cache_control


def _add_marks(shown: Json, found: Object) -> None:
    settings = found.settings
    if found.content.components:
        shown["componentCount"] = found.content.components
    if settings.metadata:
        shown["metadata"] = settings.metadata
    if settings.temporary_hold:
        shown["temporaryHold"] = True
    if settings.event_hold:
        shown["eventBasedHold"] = True
    if settings.custom_time:
        shown["customTime"] = rfc3339(Micros(settings.custom_time))
    if found.deleted:
        shown["timeDeleted"] = rfc3339(Micros(found.deleted))


def _segment(name: str) -> str:
    """Return a name as one segment of a path; in most only slashes are to be quoted."""
    plain = name if _UNQUOTED(name) else quote(name)
    return plain.replace("/", "%2F")


def _retention(bucket: Bucket, found: Object) -> Json:
    shown: Json = {}
    until = retained_until(found, bucket)
    if until:
        shown["retentionExpirationTime"] = rfc3339(Micros(until))
    if found.settings.retention:
        shown["retention"] = {
            "mode": found.settings.retention.mode,
            "retainUntilTime": rfc3339(found.settings.retention.until),
        }
    return shown


def policy_json(policy: Policy, resource: str, *, version: int = CONDITION_VERSION) -> Json:
    """Return a storage#policy; below version 3 it hides conditions behind names of roles."""
    shown = policy_to_json(policy, requested_version=version)
    return {"kind": "storage#policy", "resourceId": resource, **shown}


def managed_folder_json(bucket: Bucket, folder: ManagedFolder, base: str) -> Json:
    """Return a ManagedFolder resource."""
    return {
        "kind": "storage#managedFolder",
        "id": f"{bucket.name}/{folder.name}",
        "selfLink": f"{base}/storage/v1/b/{bucket.name}/managedFolders/"
        f"{quote(folder.name, safe='')}",
        "name": folder.name,
        "bucket": bucket.name,
        "createTime": rfc3339(Micros(folder.created)),
        "updateTime": rfc3339(Micros(folder.updated)),
        "metageneration": str(folder.metageneration),
    }


def hmac_key_json(key: HmacKey, base: str) -> Json:
    """Return the metadata of an HMAC key; the secret is shown once, by its creation."""
    path = f"storage/v1/projects/{quote(key.project, safe='')}/hmacKeys/{key.access_id}"
    return {
        "kind": "storage#hmacKeyMetadata",
        "id": f"{key.project}/{key.access_id}",
        "selfLink": f"{base}/{path}",
        "accessId": key.access_id,
        "projectId": key.project,
        "serviceAccountEmail": key.email,
        "state": key.state,
        "timeCreated": rfc3339(Micros(key.created)),
        "updated": rfc3339(Micros(key.updated)),
        "etag": key.etag,
    }
