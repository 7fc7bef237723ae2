"""An object generation, and what a caller may say about one.

Source: the Objects resource of the Cloud Storage JSON API v1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.document import (
    Document,
    boolean,
    moment,
    pairs,
    patch_pairs,
    section,
    text,
)
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.limits import CUSTOM_METADATA_BYTES_MAX
from rempart.services.storage.model.acl import AclEntry
from rempart.services.storage.model.bucket import Bucket, storage_class

HEADER_FIELD_CHARS_MAX = 1024
DEFAULT_CONTENT_TYPE = "application/octet-stream"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Headers(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The members of an object that become headers of its download."""

    content_type: str = ""
    content_encoding: str = ""
    content_disposition: str = ""
    content_language: str = ""
    cache_control: str = ""


class ObjectRetention(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An object's own retention: until when, and whether that can still be shortened."""

    mode: str
    until: Micros


class Settings(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a caller chooses about an object; everything else is the server's."""

    headers: Headers = Headers()
    metadata: Mapping[str, str] | None = None
    storage_class: str = "STANDARD"
    custom_time: int = 0
    event_hold: bool = False
    temporary_hold: bool = False
    retention: ObjectRetention | None = None


class Content(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where the bytes of a generation are, and what is known of them.

    Exactly one of `payload` (a small body, stored with the records) and `manifest` (the sealed list
    of parts) is set, but for the empty body, which has a payload too. `wrapped_key` is the data key
    under the bucket's key (and the caller's own, where `csek_sha256` is set), or under the one that
    the bucket has for the Cloud KMS key version named by `kms_version`. `md5` is absent for
    composite objects. Checksums are fingerprints of the plaintext: under a customer's key they are
    sealed with it, in `sums`, and neither `crc32c` nor `md5` says anything.
    """

    size: int
    crc32c: int
    wrapped_key: bytes
    md5: bytes | None = None
    payload: int = 0
    manifest: bytes = b""
    blobs: tuple[str, ...] = ()
    csek_sha256: bytes = b""
    components: int = 0
    kms_version: str = ""
    sums: bytes = b""


class Object(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One generation of an object, as stored."""

    name: str
    generation: int
    created: Micros
    updated: Micros
    settings: Settings
    content: Content
    owner: str = ""
    acl: tuple[AclEntry, ...] = ()
    metageneration: int = 1
    deleted: int = 0
    class_updated: int = 0
    hold_released: int = 0


def settings_of(document: Document, bucket: Bucket, *, content_type: str) -> Settings:
    """Return the settings of a new object; `content_type` counts where the document has none."""
    headers = Headers(
        _header(document, "contentType", content_type),
        _header(document, "contentEncoding"),
        _header(document, "contentDisposition"),
        _header(document, "contentLanguage"),
        _header(document, "cacheControl"),
    )
    return Settings(
        headers=headers,
        metadata=custom_metadata(pairs(document, "metadata")) or None,
        storage_class=storage_class(document, bucket.storage_class),
        custom_time=moment(document, "customTime") or 0,
        event_hold=boolean(document, "eventBasedHold", default=bucket.default_event_hold),
        temporary_hold=boolean(document, "temporaryHold"),
        retention=_retention(document, bucket),
    )


def _header(document: Document, name: str, default: str = "") -> str:
    value = text(document, name, default)
    if len(value) > HEADER_FIELD_CHARS_MAX or _CONTROL.search(value):
        message = f"'{name}' must have at most 1024 characters and no control characters."
        raise invalid(message, field=name)
    return value


def custom_metadata(entries: Mapping[str, str]) -> Mapping[str, str]:
    """Return the custom metadata, or raise `invalid` where it is too big or unfit for a header."""
    size = sum(len(key.encode()) + len(value.encode()) for key, value in entries.items())
    if size > CUSTOM_METADATA_BYTES_MAX:
        message = f"Custom metadata has {size} bytes; at most 8192 are allowed."
        raise invalid(message, field="metadata")
    for key, value in entries.items():
        if not key or _CONTROL.search(key) or _CONTROL.search(value):
            raise invalid("Custom metadata must not contain control characters.", field="metadata")
    return entries


def _retention(document: Document, bucket: Bucket) -> ObjectRetention | None:
    given = section(document, "retention")
    until = moment(given, "retainUntilTime")
    if until is None:
        return None
    if not bucket.object_retention:
        message = f"Object retention is not enabled for bucket {bucket.name}."
        raise invalid(message, field="retention")
    mode = text(given, "mode")
    if mode not in {"Locked", "Unlocked"}:
        raise invalid("retention.mode is 'Locked' or 'Unlocked'.", field="retention.mode")
    return ObjectRetention(mode, until)


def changed(
    found: Object,
    document: Document,
    bucket: Bucket,
    now: Micros,
    *,
    whole: bool,
    override_retention: bool = False,
) -> Object:
    """Return the object after a patch, or after an update (`whole`: absent means empty)."""
    old = found.settings
    settings = replace(
        old,
        headers=_changed_headers(old.headers, document, whole=whole),
        metadata=_changed_metadata(old.metadata or {}, document, whole=whole) or None,
        custom_time=_changed_custom_time(old.custom_time, document),
        event_hold=boolean(document, "eventBasedHold", default=old.event_hold and not whole),
        temporary_hold=boolean(document, "temporaryHold", default=old.temporary_hold and not whole),
        retention=_changed_retention(
            old.retention, document, bucket, override=override_retention, now=now
        ),
    )
    released = now if old.event_hold and not settings.event_hold else found.hold_released
    return replace(
        found,
        settings=settings,
        metageneration=found.metageneration + 1,
        updated=now,
        hold_released=released,
    )


_HEADERS = {
    "contentType": "content_type",
    "contentEncoding": "content_encoding",
    "contentDisposition": "content_disposition",
    "contentLanguage": "content_language",
    "cacheControl": "cache_control",
}


def _changed_headers(old: Headers, document: Document, *, whole: bool) -> Headers:
    changes = {
        attribute: _header(document, member)
        for member, attribute in _HEADERS.items()
        if whole or member in document
    }
    return replace(old, **changes)


def _changed_metadata(
    old: Mapping[str, str], document: Document, *, whole: bool
) -> Mapping[str, str]:
    if whole:
        return custom_metadata(pairs(document, "metadata"))
    if "metadata" not in document:
        return old
    if document["metadata"] is None:
        return {}
    merged = {**old, **patch_pairs(document, "metadata")}
    return custom_metadata({key: value for key, value in merged.items() if value is not None})


def _changed_custom_time(old: int, document: Document) -> int:
    new = moment(document, "customTime") or 0
    if new < old and "customTime" in document:
        raise invalid("customTime can only move forward and cannot be removed.", field="customTime")
    return new or old


def _changed_retention(
    old: ObjectRetention | None, document: Document, bucket: Bucket, *, override: bool, now: Micros
) -> ObjectRetention | None:
    if "retention" not in document:
        return old
    new = _retention(document, bucket)
    shorter = old is not None and (
        new is None or new.until < old.until or (old.mode == "Locked" and new.mode != "Locked")
    )
    if old is not None and shorter and old.until > now:
        if old.mode == "Locked":
            raise _retained("Its locked retention cannot be shortened or removed.")
        if not override:
            raise _retained("Send overrideUnlockedRetention=true to shorten or remove it.")
    return new


def _retained(advice: str) -> CloudError:
    message = f"The object is under retention. {advice}"
    return CloudError(Code.PERMISSION_DENIED, message, reason="forbidden")


def retained_until(found: Object, bucket: Bucket) -> int:
    """Return when the object's retention ends, in microseconds; 0 if it has none."""
    until = found.settings.retention.until if found.settings.retention else 0
    if bucket.retention and not found.settings.event_hold:
        start = max(found.created, found.hold_released)
        until = max(until, start + bucket.retention.seconds * 1_000_000)
    return until


def refuse_if_kept(found: Object, bucket: Bucket, now: Micros) -> None:
    """Raise `denied` where a hold or a retention forbids to delete or replace the object."""
    name = f"{bucket.name}/{found.name}"
    holds = {
        "temporary hold": found.settings.temporary_hold,
        "event-based hold": found.settings.event_hold,
    }
    for hold, active in holds.items():
        if active:
            message = (
                f"Object '{name}' is under active {hold} and cannot be deleted or overwritten."
            )
            raise CloudError(Code.PERMISSION_DENIED, message, reason="objectUnderActiveHold")
    if retained_until(found, bucket) > now:
        message = (
            f"Object '{name}' is subject to bucket's retention policy or object retention and"
            " cannot be deleted or overwritten until its retention expires."
        )
        raise CloudError(Code.PERMISSION_DENIED, message, reason="retentionPolicyNotMet")
