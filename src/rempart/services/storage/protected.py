"""What in Cloud Storage lies under a customer's key."""

from __future__ import annotations

from rempart.services.kms.erasure import Toll
from rempart.services.storage.audit import each
from rempart.services.storage.kinds import BUCKET, CUSTOMER_BUCKET_KEY, LIVE, NONCURRENT
from rempart.trust.custody.sealed import SealedEngine


class StorageProtected:
    """Counts the generations under a key version: those of the buckets that have a key under it."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed

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
