"""The documents of Cloud Storage and how their keys are built.

`id` below is a bucket's internal id, which outlives no bucket. Objects: live generations by
(id, name); others by (id, name, generation). So both list in Google's order, by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rempart.core.policy import Policy
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.object import Object
from rempart.trust.custody.kind import Kind


@dataclass(frozen=True, slots=True)
class BucketOfProject:
    """The index of buckets by project."""

    created: int


@dataclass(frozen=True, slots=True)
class Reference:
    """How many generations and sessions hold a blob."""

    count: int


@dataclass(frozen=True, slots=True)
class ManagedFolder:
    """A prefix with a policy of its own."""

    name: str
    created: int
    updated: int
    policy: Policy
    metageneration: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadSession:
    """A resumable upload: what was asked, and the parts that are safe so far.

    `request` is the metadata as JSON, `query` the parameters of the first request. `manifest` is
    the sealed list of parts under the session's own data key. `generation` is set once done.
    What the caller said of the checksums is in `crc32c` and `md5`, as text; under a customer's key
    it is sealed, in `claims`.
    """

    bucket: str
    bucket_id: str
    name: str
    created: int
    principal: str
    request: bytes
    query: dict[str, str]
    content_type: str
    wrapped_key: bytes
    manifest: bytes = b""
    blobs: tuple[str, ...] = ()
    stored: int = 0
    total: int | None = None
    crc32c: str = ""
    md5: str = ""
    claims: bytes = b""
    csek_sha256: bytes = b""
    kms_version: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True)
class HmacKey:
    """An HMAC key of a service account; the secret is sealed with the record.

    `unique_id` tells whose it is among the accounts that had the email; keys made before it was
    kept have none.
    """

    access_id: str
    secret: str
    email: str
    project: str
    created: int
    updated: int
    state: str = "ACTIVE"
    etag: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    unique_id: str = ""


@dataclass(frozen=True, slots=True)
class CustomerBucketKey:
    """A bucket's key under one version of a customer's key: wrapped by that version."""

    wrapped: bytes
    created: int


BUCKET = Kind(b"b", Bucket, hot=4096)
BUCKET_OF_PROJECT = Kind(b"p", BucketOfProject)
LIVE = Kind(b"o", Object, hot=16_384)
NONCURRENT = Kind(b"v", Object)
REFERENCE = Kind(b"r", Reference)
MANAGED_FOLDER = Kind(b"m", ManagedFolder, hot=4096)
SESSION = Kind(b"u", UploadSession)
HMAC_KEY = Kind(b"H", HmacKey)
CUSTOMER_BUCKET_KEY = Kind(b"c", CustomerBucketKey, hot=4096)
"""By (bucket's id, name of the version)."""
