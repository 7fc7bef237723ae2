"""Cloud Storage's resources as policy sees them."""

from __future__ import annotations

from rempart.core.labels import SENSITIVITY
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Policy, Resource
from rempart.services.storage.kinds import MANAGED_FOLDER, ManagedFolder
from rempart.services.storage.model import acl
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.object import Object
from rempart.trust.custody.transaction import Transaction

SERVICE = "storage.googleapis.com"


def bucket_resource(bucket: Bucket) -> Resource:
    """Return a bucket as policy sees it."""
    return Resource(
        ResourceName(SERVICE, f"{SERVICE}/Bucket", f"projects/_/buckets/{bucket.name}"),
        ProjectId(bucket.project),
        (bucket.policy,),
        public=bucket.public_access_prevention != "enforced",
        sensitivity=bucket.labels.get(SENSITIVITY, ""),
    )


async def object_resource(
    tx: Transaction, bucket: Bucket, name: str, found: Object | None
) -> Resource:
    """Return an object as policy sees it: its ACL, the managed folders above it, its bucket."""
    folders = await folders_above(tx, bucket, name) if bucket.managed_folders else ()
    policies: tuple[Policy, ...] = (*(one.policy for one in folders), bucket.policy)
    if found is not None and found.acl and not bucket.uniform_access:
        policies = (acl.object_policy(found.acl, bucket.project), *policies)
    full = f"projects/_/buckets/{bucket.name}/objects/{name}"
    return Resource(
        ResourceName(SERVICE, f"{SERVICE}/Object", full),
        ProjectId(bucket.project),
        policies,
        public=bucket.public_access_prevention != "enforced",
        sensitivity=bucket.labels.get(SENSITIVITY, ""),
    )


async def folders_above(tx: Transaction, bucket: Bucket, name: str) -> list[ManagedFolder]:
    """Return the managed folders that a name lies in, outermost first."""
    found = []
    for index, character in enumerate(name):
        if character == "/":
            folder = await tx.get(MANAGED_FOLDER, bucket.id, name[: index + 1])
            if folder is not None:
                found.append(folder)
    return found
