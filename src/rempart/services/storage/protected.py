"""What in Cloud Storage lies under a customer's key."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rempart.services.kms.model.erasure import Toll
from rempart.services.kms.model.names import CryptoKeyName
from rempart.services.kms.protected import ProtectedResource
from rempart.services.storage.audit import each
from rempart.services.storage.kinds import BUCKET, CUSTOMER_BUCKET_KEY, LIVE, NONCURRENT
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction

VERSIONS_MAX = 1000
BUCKET_TYPE = "storage.googleapis.com/Bucket"


class StorageProtected:
    """Tells what a key protects: the buckets under it, and how many generations in them."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed

    @property
    def types(self) -> tuple[str, ...]:
        """Return the types of resource that are tracked: buckets, as Google does."""
        return (BUCKET_TYPE,)

    async def under(self, key: CryptoKeyName, tx: Transaction) -> AsyncIterator[ProtectedResource]:
        """Iterate over the buckets whose default key it is, or that hold something under it."""
        async for bucket in each(self._sealed, BUCKET, BUCKET.under()):
            span = CUSTOMER_BUCKET_KEY.under(bucket.id, prefix=f"{key}/cryptoKeyVersions/")
            versions = tuple(
                [one.id for one in await tx.scan(CUSTOMER_BUCKET_KEY, span, limit=VERSIONS_MAX)]
            )
            if versions or bucket.default_kms_key == str(key):
                yield ProtectedResource(
                    name=f"//storage.googleapis.com/{bucket.name}",
                    type=BUCKET_TYPE,
                    project=bucket.project,
                    number=bucket.project_number,
                    location=bucket.location.lower(),
                    created=bucket.created,
                    versions=versions,
                    labels=bucket.labels,
                )

    async def toll(self, version: str) -> Toll:
        """Return how much lies under a key version now."""
        buckets = objects = size = 0
        async for bucket in each(self._sealed, BUCKET, BUCKET.under()):
            key = CUSTOMER_BUCKET_KEY.key(bucket.id, version)
            if await self._sealed.find(CUSTOMER_BUCKET_KEY, key) is None:
                continue
            before = objects
            for kind in (LIVE, NONCURRENT):
                async for found in each(self._sealed, kind, kind.under(bucket.id)):
                    if found.content.kms_version == version:
                        objects += 1
                        size += found.content.size
            buckets += objects > before
        return Toll(buckets, objects, size)
