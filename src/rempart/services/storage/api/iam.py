"""IAM policies of buckets, objects and managed folders.

Source: the getIamPolicy, setIamPolicy and testIamPermissions methods of the JSON API v1.
"""

from __future__ import annotations

from dataclasses import replace

from rempart.core.call import Call, Reply
from rempart.core.errors import precondition_failed, required
from rempart.core.grant import Grant
from rempart.core.policy import Policy, Resource
from rempart.services.storage.api import asked
from rempart.services.storage.kinds import ManagedFolder
from rempart.services.storage.model import names
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.resources import policy_json
from rempart.services.storage.store import StorageStore
from rempart.trust.policy.delta import changes
from rempart.trust.policy.iam import permissions_held, requested_version, successor
from rempart.trust.policy.roles import Level
from rempart.trust.policy.testable import check_among, testable, testable_on_objects
from rempart.trust.policy.validate import Place


async def get_bucket(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return a bucket's policy."""
    bucket = await store.bucket_of(call)
    return _shown(bucket.policy, call, f"projects/_/buckets/{bucket.name}")


async def set_bucket(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Replace a bucket's policy."""
    bucket = await store.bucket_of(call)
    policy = await new_bucket_policy(bucket, call, store)
    store.update_bucket(
        grant,
        replace(bucket, policy=policy, metageneration=bucket.metageneration + 1, updated=store.now),
    )
    resource = f"projects/_/buckets/{bucket.name}"
    told = {"bucket": bucket.name, **changes(bucket.policy, policy)}
    return Reply(document=policy_json(policy, resource), audit=told)


async def get_managed_folder(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return a managed folder's policy."""
    bucket = await store.bucket_of(call)
    folder = await store.managed_folder(
        bucket, names.managed_folder_name(call.path["managedFolder"])
    )
    resource = f"projects/_/buckets/{bucket.name}/managedFolders/{folder.name}"
    return _shown(folder.policy, call, resource)


async def set_managed_folder(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Replace a managed folder's policy."""
    bucket = await store.bucket_of(call)
    folder = await store.managed_folder(
        bucket, names.managed_folder_name(call.path["managedFolder"])
    )
    policy = await new_managed_folder_policy(folder, bucket, call, store)
    changed = replace(
        folder, policy=policy, metageneration=folder.metageneration + 1, updated=store.now
    )
    store.put_managed_folder(grant, bucket, changed)
    resource = f"projects/_/buckets/{bucket.name}/managedFolders/{folder.name}"
    told = {
        "bucket": bucket.name,
        "managedFolder": folder.name,
        **changes(folder.policy, policy),
    }
    return Reply(document=policy_json(policy, resource), audit=told)


async def test_bucket(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return those of the asked permissions that the caller has on a bucket."""
    return await _held(call, store, await asked.bucket(call, store), testable(Level.BUCKET))


async def test_object(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return those of the asked permissions that the caller has on an object."""
    return await _held(call, store, await asked.object_(call, store), testable_on_objects())


async def test_managed_folder(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return those of the asked permissions that the caller has on a managed folder."""
    folder = await asked.managed_folder(call, store)
    return await _held(call, store, folder, testable(Level.MANAGED_FOLDER))


async def _held(
    call: Call, store: StorageStore, resource: Resource, known: frozenset[str]
) -> Reply:
    wanted = call.query.get("permissions", "")
    if not wanted:
        raise required("Required parameter: permissions", field="permissions")
    permissions = check_among(wanted.split("\n"), known)
    held = await store.session.authority.held(permissions, resource)
    return Reply(document={"kind": "storage#testIamPermissionsResponse", **permissions_held(held)})


def _shown(policy: Policy, call: Call, resource: str) -> Reply:
    field = "optionsRequestedPolicyVersion"
    version = requested_version(call.query.get(field), field)
    return Reply(document=policy_json(policy, resource, version=version))


async def new_bucket_policy(bucket: Bucket, call: Call, store: StorageStore) -> Policy:
    """Return the policy that a call asks for on a bucket."""
    place = await _place(bucket, store, Level.BUCKET, await asked.bucket(call, store))
    return _new(bucket.policy, call, store, place)


async def new_managed_folder_policy(
    folder: ManagedFolder, bucket: Bucket, call: Call, store: StorageStore
) -> Policy:
    """Return the policy that a call asks for on a managed folder."""
    resource = await asked.managed_folder(call, store)
    place = await _place(bucket, store, Level.MANAGED_FOLDER, resource)
    return _new(folder.policy, call, store, place)


async def _place(bucket: Bucket, store: StorageStore, level: Level, resource: Resource) -> Place:
    return await store.session.place(
        level,
        resource,
        public=bucket.public_access_prevention != "enforced",
        conditions=bucket.uniform_access,
    )


def _new(old: Policy, call: Call, store: StorageStore, place: Place) -> Policy:
    stale = precondition_failed(
        "The policy changed since it was read: read it again, change that, and retry.",
        field="etag",
    )
    return successor(old, call.document, place, etag=store.policy_etag(), stale=stale)
