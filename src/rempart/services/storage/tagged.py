"""Buckets as what tags are bound to."""

from __future__ import annotations

from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.services.resourcemanager.tags.bindable import Target
from rempart.services.storage.kinds import BUCKET
from rempart.trust.custody.transaction import Transaction

_PREFIX = "projects/_/buckets/"


class StorageTagged:
    """The buckets."""

    service = "storage.googleapis.com"

    async def target(self, relative: str, tx: Transaction) -> Target | None:
        """Return a bucket: `projects/_/buckets/B`."""
        name = relative.removeprefix(_PREFIX)
        if name == relative or not name or "/" in name:
            return None
        bucket = await tx.get(BUCKET, name)
        project = ProjectId(bucket.project) if bucket else None
        policies = (bucket.policy,) if bucket else ()
        named = ResourceName(self.service, f"{self.service}/Bucket", relative)
        resource = Resource(named, project, policies)
        return Target(f"//{self.service}/{relative}", resource, "storage.buckets")
