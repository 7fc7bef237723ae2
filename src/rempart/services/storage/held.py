"""What in Cloud Storage has a policy: buckets, managed folders, and objects with ACLs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from msgspec.structs import replace

from rempart.core.errors import CloudError
from rempart.core.names import ProjectId, ResourceName
from rempart.services.answers.held import Held, Located
from rempart.services.storage.kinds import (
    BUCKET,
    BUCKET_OF_PROJECT,
    LIVE,
    MANAGED_FOLDER,
    ManagedFolder,
)
from rempart.services.storage.model import acl, names
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.object import Object
from rempart.services.storage.policy_view import (
    SERVICE,
    bucket_resource,
    folders_above,
    object_resource,
)
from rempart.trust.custody.sealed import scanned
from rempart.trust.custody.transaction import Transaction

_NAME = re.compile(
    r"(?:projects/_/buckets/)?([^/]+)(?:/(objects|managedFolders)/(.+))?", flags=re.DOTALL
)


class StorageHeld:
    """Tells of buckets and of what in them has policies of its own."""

    service = SERVICE

    async def find(self, name: str, tx: Transaction) -> Located | None:
        """Return a bucket, object or managed folder; a name may begin with `projects/_/buckets/`.

        An object that is not there is answered as one that is to be made: its bucket's policies
        count.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        try:
            bucket = await tx.get(BUCKET, names.bucket_name(found[1]))
        except CloudError:
            return None
        if bucket is None:
            return None
        if not found[2]:
            held = _bucket(bucket)
            return Located(held.resource, held.full, (held,))
        return await self._inside(bucket, found[2], found[3], tx)

    async def under(self, project: ProjectId, tx: Transaction) -> AsyncIterator[Held]:
        """Iterate over a project's buckets, and over the managed folders of each."""
        async for entry in scanned(tx, BUCKET_OF_PROJECT, BUCKET_OF_PROJECT.under(project)):
            bucket = await tx.get(BUCKET, entry.id)
            if bucket is None:
                continue
            yield _bucket(bucket)
            if bucket.managed_folders:
                async for one in scanned(tx, MANAGED_FOLDER, MANAGED_FOLDER.under(bucket.id)):
                    yield await _folder(bucket, one.value, tx)

    async def _inside(self, bucket: Bucket, noun: str, name: str, tx: Transaction) -> Located:
        found: Object | None = None
        if noun == "objects":
            found = await tx.get(LIVE, bucket.id, name)
        resource = await object_resource(tx, bucket, name, found)
        held = list[Held]()
        full = f"//{SERVICE}/{bucket.name}/{noun}/{name}"
        if found is not None and found.acl and not bucket.uniform_access:
            policy = acl.object_policy(found.acl, bucket.project)
            own = replace(resource, policies=(policy, *resource.policies[1:]))
            see = "storage.objects.getIamPolicy"
            held.append(Held(own, full, policy, see, f"//{SERVICE}/{bucket.name}"))
        held += [await _folder(bucket, one, tx) for one in await folders_above(tx, bucket, name)]
        return Located(resource, full, (*held, _bucket(bucket)))


def _bucket(bucket: Bucket) -> Held:
    above = f"//cloudresourcemanager.googleapis.com/projects/{bucket.project}"
    full = f"//{SERVICE}/{bucket.name}"
    see = "storage.buckets.getIamPolicy"
    return Held(bucket_resource(bucket), full, bucket.policy, see, above)


async def _folder(bucket: Bucket, folder: ManagedFolder, tx: Transaction) -> Held:
    inside = await object_resource(tx, bucket, folder.name, None)
    full = f"projects/_/buckets/{bucket.name}/managedFolders/{folder.name}"
    named = replace(inside, name=ResourceName(SERVICE, f"{SERVICE}/ManagedFolder", full))
    return Held(
        named,
        f"//{SERVICE}/{bucket.name}/managedFolders/{folder.name}",
        folder.policy,
        "storage.managedFolders.getIamPolicy",
        f"//{SERVICE}/{bucket.name}",
    )
