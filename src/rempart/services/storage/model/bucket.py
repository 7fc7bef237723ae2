"""A bucket, and what a caller may say about one.

Source: the Buckets resource of the Cloud Storage JSON API v1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rempart.core.clock import Micros
from rempart.core.document import (
    Document,
    boolean,
    integer,
    patch_pairs,
    section,
    text,
    wrong_type,
)
from rempart.core.errors import CloudError, Code, invalid, precondition_failed, unimplemented
from rempart.core.labels import labels as checked_labels
from rempart.core.limits import RETENTION_SECONDS_MAX
from rempart.core.policy import Policy
from rempart.services.storage.model.acl import AclEntry
from rempart.services.storage.model.kms_key import check_location

STORAGE_CLASSES = frozenset(
    {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "REGIONAL", "MULTI_REGIONAL"}
)
PREVENTIONS = frozenset({"inherited", "enforced"})
SOFT_DELETE_SECONDS_DEFAULT = 7 * 86400
SOFT_DELETE_SECONDS_MAX = 90 * 86400

UNSUPPORTED: dict[str, type] = {
    "lifecycle": dict,
    "website": dict,
    "cors": list,
    "logging": dict,
    "autoclass": dict,
    "customPlacementConfig": dict,
    "ipFilter": dict,
}
"""Members that Rempart does not act on yet: setting one answers 501 by its name."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long each object of a bucket must be kept."""

    seconds: int
    effective: Micros
    locked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A bucket as stored. `id` is internal and never reused, unlike the name."""

    name: str
    id: str
    project: str
    project_number: str
    location: str
    created: Micros
    updated: Micros
    wrapped_key: bytes
    policy: Policy
    storage_class: str = "STANDARD"
    metageneration: int = 1
    labels: dict[str, str]
    versioning: bool = False
    uniform_access: bool = False
    uniform_lock_time: int = 0
    public_access_prevention: str = "inherited"
    soft_delete_seconds: int = SOFT_DELETE_SECONDS_DEFAULT
    soft_delete_effective: int = 0
    retention: RetentionPolicy | None = None
    object_retention: bool = False
    default_event_hold: bool = False
    default_kms_key: str = ""
    default_object_acl: tuple[AclEntry, ...] = ()
    managed_folders: int = 0


UNIFORM_LOCK_MICROS = 90 * 86400 * 1_000_000


def changed(bucket: Bucket, document: Document, now: Micros, *, whole: bool) -> Bucket:
    """Return the bucket after a patch, or after an update (`whole`: absent means default)."""
    refuse_unsupported(document)
    asked = set(document) | (_SETTABLE if whole else frozenset())
    for member in sorted(asked & _SETTABLE):
        bucket = _CHANGES[member](bucket, document, now)
    return replace(bucket, metageneration=bucket.metageneration + 1, updated=now)


def refuse_unsupported(document: Document) -> None:
    """Raise `unimplemented` for a member that asks for what is not there yet."""
    for member, kind in UNSUPPORTED.items():
        value = document.get(member)
        if value is not None and not isinstance(value, kind):
            raise wrong_type(member, "a list" if kind is list else "an object")
        if value:
            raise unimplemented(f"storage.buckets.{member}")
    if boolean(section(document, "billing"), "requesterPays"):
        raise unimplemented("storage.buckets.billing.requesterPays")
    for member, value in section(document, "encryption").items():
        if member != "defaultKmsKeyName" and value:
            raise unimplemented(f"storage.buckets.encryption.{member}")
    if boolean(section(document, "hierarchicalNamespace"), "enabled"):
        raise unimplemented("storage.buckets.hierarchicalNamespace")


def _labels(bucket: Bucket, document: Document, now: Micros) -> Bucket:
    given = patch_pairs(document, "labels")
    merged = {**bucket.labels, **given} if "labels" in document else {}
    kept = {key: value for key, value in merged.items() if value is not None}
    return replace(bucket, labels=checked_labels(kept))


def _versioning(bucket: Bucket, document: Document, now: Micros) -> Bucket:
    return replace(bucket, versioning=boolean(section(document, "versioning"), "enabled"))


def _storage_class(bucket: Bucket, document: Document, now: Micros) -> Bucket:
    return replace(bucket, storage_class=storage_class(document))


def storage_class(document: Document, default: str = "STANDARD") -> str:
    """Return the storage class that a document asks for."""
    value = text(document, "storageClass", default)
    if value not in STORAGE_CLASSES:
        raise invalid(f"The storage class '{value[:40]}' does not exist.", field="storageClass")
    return value


def _default_hold(bucket: Bucket, document: Document, now: Micros) -> Bucket:
    return replace(bucket, default_event_hold=boolean(document, "defaultEventBasedHold"))


def _retention(bucket: Bucket, document: Document, now: Micros) -> Bucket:
    seconds = integer(section(document, "retentionPolicy"), "retentionPeriod", 0) or 0
    old = bucket.retention
    if old and old.locked and seconds < old.seconds:
        message = f"The retention policy of bucket {bucket.name} is locked: it cannot be shortened."
        raise CloudError(Code.PERMISSION_DENIED, message, reason="forbidden")
    if not 0 <= seconds < RETENTION_SECONDS_MAX:
        raise invalid(
            "The retention period must be below 100 years.", field="retentionPolicy.retentionPeriod"
        )
    if not seconds:
        return replace(bucket, retention=None)
    effective = old.effective if old else now
    return replace(bucket, retention=RetentionPolicy(seconds, effective, bool(old and old.locked)))


def _soft_delete(bucket: Bucket, document: Document, now: Micros) -> Bucket:
    given = section(document, "softDeletePolicy")
    seconds = integer(given, "retentionDurationSeconds", SOFT_DELETE_SECONDS_DEFAULT) or 0
    if seconds and not SOFT_DELETE_SECONDS_DEFAULT <= seconds <= SOFT_DELETE_SECONDS_MAX:
        raise invalid(
            "The soft-delete retention must be 0, or 7 to 90 days.",
            field="softDeletePolicy.retentionDurationSeconds",
        )
    return replace(bucket, soft_delete_seconds=seconds, soft_delete_effective=now)


def _iam_configuration(bucket: Bucket, document: Document, now: Micros) -> Bucket:
    given = section(document, "iamConfiguration")
    uniform = section(given, "uniformBucketLevelAccess") or section(given, "bucketPolicyOnly")
    if uniform:
        bucket = _uniform(bucket, enabled=boolean(uniform, "enabled"), now=now)
    prevention = text(given, "publicAccessPrevention", bucket.public_access_prevention)
    prevention = "inherited" if prevention == "unspecified" else prevention
    if prevention not in PREVENTIONS:
        raise invalid(
            "publicAccessPrevention is 'enforced' or 'inherited'.",
            field="iamConfiguration.publicAccessPrevention",
        )
    return replace(bucket, public_access_prevention=prevention)


def _uniform(bucket: Bucket, *, enabled: bool, now: Micros) -> Bucket:
    if enabled == bucket.uniform_access:
        return bucket
    if not enabled and now >= bucket.uniform_lock_time:
        raise precondition_failed("Uniform bucket-level access is locked since 90 days.")
    lock = now + UNIFORM_LOCK_MICROS if enabled else 0
    return replace(bucket, uniform_access=enabled, uniform_lock_time=lock)


def _encryption(bucket: Bucket, document: Document, now: Micros) -> Bucket:
    key = text(section(document, "encryption"), "defaultKmsKeyName")
    if key:
        check_location(key, bucket.location, field="encryption.defaultKmsKeyName")
    return replace(bucket, default_kms_key=key)


_CHANGES = {
    "labels": _labels,
    "versioning": _versioning,
    "storageClass": _storage_class,
    "defaultEventBasedHold": _default_hold,
    "retentionPolicy": _retention,
    "softDeletePolicy": _soft_delete,
    "iamConfiguration": _iam_configuration,
    "encryption": _encryption,
}
_SETTABLE = frozenset(_CHANGES)


def location(document: Document, regions: tuple[str, ...]) -> str:
    """Return the region of a new bucket: mandatory, and one of the universe's."""
    asked = text(document, "location")
    known = {region.upper(): region for region in regions}
    if not asked:
        raise invalid(
            f"A location is required. This universe has: {', '.join(regions)}.", field="location"
        )
    if asked.upper() not in known:
        message = f"The location '{asked[:40]}' is not valid here. Use: {', '.join(regions)}."
        raise invalid(message, field="location")
    return asked.upper()


def locked(bucket: Bucket, now: Micros) -> Bucket:
    """Return the bucket with its retention policy locked, for ever."""
    if bucket.retention is None:
        raise invalid(f"Bucket {bucket.name} has no retention policy to lock.")
    return replace(
        bucket,
        retention=replace(bucket.retention, locked=True),
        metageneration=bucket.metageneration + 1,
        updated=now,
    )
