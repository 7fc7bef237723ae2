"""Managed folders: prefixes with a policy of their own.

Source: ManagedFolders of the Cloud Storage JSON API v1.
"""

from __future__ import annotations

from dataclasses import replace

from rempart.core.call import Call, Reply
from rempart.core.document import text
from rempart.core.errors import CloudError, Code, already_exists
from rempart.core.grant import Grant
from rempart.core.policy import Policy
from rempart.engine.seam import Key, Span
from rempart.services.storage.kinds import LIVE, MANAGED_FOLDER, ManagedFolder
from rempart.services.storage.model import names
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.listing import Resume, page_size, page_token, resume
from rempart.services.storage.model.preconditions import flag, preconditions
from rempart.services.storage.resources import managed_folder_json
from rempart.services.storage.store import StorageStore


async def insert(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Create a managed folder."""
    bucket = await store.bucket_of(call)
    if not bucket.uniform_access:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            "Managed folders need uniform bucket-level access on their bucket.",
            reason="invalid",
        )
    name = names.managed_folder_name(text(call.document, "name"))
    if await store.tx.get(MANAGED_FOLDER, bucket.id, name) is not None:
        raise already_exists(f"The managed folder {bucket.name}/{name} exists already.")
    now = store.now
    folder = ManagedFolder(name, now, now, Policy(etag=store.policy_etag()))
    store.put_managed_folder(grant, bucket, folder)
    _count(grant, store, bucket, 1)
    return Reply(
        document=managed_folder_json(bucket, folder, call.base_url), audit={"managedFolder": name}
    )


def _count(grant: Grant, store: StorageStore, bucket: Bucket, change: int) -> None:
    """Keep count: policy looks for folders only in buckets that have some."""
    store.update_bucket(grant, replace(bucket, managed_folders=bucket.managed_folders + change))


async def get(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return a managed folder."""
    bucket = await store.bucket_of(call)
    name = names.managed_folder_name(call.path["managedFolder"])
    folder = await store.managed_folder(bucket, name)
    preconditions(call.query).check(0, folder.metageneration)
    return Reply(document=managed_folder_json(bucket, folder, call.base_url))


async def list_(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """List a bucket's managed folders by name."""
    bucket = await store.bucket_of(call)
    limit = page_size(call.query, "pageSize")
    at = resume(call.query.get("pageToken", ""))
    span = MANAGED_FOLDER.under(bucket.id, prefix=call.query.get("prefix", ""))
    if at is not None:
        after = MANAGED_FOLDER.key(bucket.id, at.name) + b"\x00"
        span = Span(Key(max(span.start, after)), span.end)
    found = await store.tx.scan(MANAGED_FOLDER, span, limit=limit + 1)
    shown: dict[str, object] = {"kind": "storage#managedFolders"}
    if found:
        shown["items"] = [
            managed_folder_json(bucket, one.value, call.base_url) for one in found[:limit]
        ]
    if len(found) > limit:
        shown["nextPageToken"] = page_token(Resume(found[limit - 1].value.name, 0))
    return Reply(document=shown)


async def delete(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Delete a managed folder: empty, unless `allowNonEmpty`; its objects stay."""
    bucket = await store.bucket_of(call)
    name = names.managed_folder_name(call.path["managedFolder"])
    folder = await store.managed_folder(bucket, name)
    preconditions(call.query).check(0, folder.metageneration)
    span = LIVE.under(bucket.id, prefix=name)
    if not flag(call.query, "allowNonEmpty"):
        if await store.tx.scan(LIVE, span, limit=1):
            message = "The managed folder is not empty; send allowNonEmpty=true to delete it."
            raise CloudError(Code.ALREADY_EXISTS, message, reason="conflict")
        store.tx.expect_empty(span)
    store.delete_managed_folder(grant, bucket, name)
    _count(grant, store, bucket, -1)
    return Reply(204, audit={"managedFolder": name})
