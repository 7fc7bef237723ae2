"""What the data keys of a bucket are wrapped with: the universe's key, or a customer's.

A bucket has, for each version of a customer's key that something in it lies under, a bucket key of
its own, wrapped by that version (docs/spec/keys.md). Each use asks Cloud KMS anew.
"""

from __future__ import annotations

from rempart.core.errors import CloudError, data_loss
from rempart.services.storage.contents import OwnKey, Received, Wrapping
from rempart.services.storage.customer_keys import KeyUse, translated
from rempart.services.storage.kinds import CUSTOMER_BUCKET_KEY, CustomerBucketKey
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.kms_key import key_of
from rempart.services.storage.model.object import Object
from rempart.services.storage.store import StorageStore
from rempart.trust.custody.envelope import BucketKey
from rempart.trust.custody.errors import Tampered


async def new_wrapping(
    store: StorageStore, bucket: Bucket, name: str, key: str, own: OwnKey | None
) -> Wrapping:
    """Return what to wrap a new object's data key with.

    `key` names a key of Cloud KMS, or is empty.
    """
    if not key:
        return _default(store, bucket, own)
    keys, use = store.setup.customer_keys, _use(store, bucket, name)
    version = await translated(keys.primary(use, key), key, encrypting=True)
    return Wrapping(await _open_or_make(store, use, bucket, version), None, version)


async def require_usable(store: StorageStore, bucket: Bucket, key: str) -> None:
    """Raise unless a bucket's service agent may encrypt under a key now; no key is usable."""
    if key:
        keys, use = store.setup.customer_keys, _use(store, bucket, "")
        await translated(keys.primary(use, key), key, encrypting=True)


async def _open_or_make(
    store: StorageStore, use: KeyUse, bucket: Bucket, version: str
) -> BucketKey:
    keys, key = store.setup.customer_keys, key_of(version)
    found = await store.tx.get(CUSTOMER_BUCKET_KEY, bucket.id, version)
    if found is not None:
        opening = keys.open(use, version, found.wrapped)
        return await translated(opening, key, encrypting=True)
    wrapped, made = await translated(keys.make(use, version), key, encrypting=True)
    new = CustomerBucketKey(wrapped, store.now)
    store.tx.put(CUSTOMER_BUCKET_KEY, bucket.id, version, value=new)
    return made


async def wrapping_of(
    store: StorageStore, bucket: Bucket, name: str, version: str, own: OwnKey | None
) -> Wrapping:
    """Return what an object's data key is wrapped with; `version` names the one it lies under."""
    if not version:
        return _default(store, bucket, own)
    found = await store.tx.get(CUSTOMER_BUCKET_KEY, bucket.id, version)
    if found is None:
        raise data_loss("The bucket's key under the Cloud KMS key is missing.")
    use = _use(store, bucket, name)
    opening = store.setup.customer_keys.open(use, version, found.wrapped)
    opened = await translated(opening, key_of(version), encrypting=False)
    return Wrapping(opened, own, version)


async def open_content(
    store: StorageStore, bucket: Bucket, found: Object, own: OwnKey | None
) -> Received:
    """Return the content of a generation, opened."""
    wrapping = await wrapping_of(store, bucket, found.name, found.content.kms_version, own)
    return await store.setup.contents.open(store.tx, bucket, found, wrapping)


async def with_checksums(store: StorageStore, bucket: Bucket, found: Object) -> Object:
    """Return a generation as it may be shown: with its checksums, where its key opens them now."""
    if not found.content.sums:
        return found
    try:
        wrapping = await wrapping_of(store, bucket, found.name, found.content.kms_version, None)
    except CloudError:
        return found
    return store.setup.contents.reveal(bucket, found, wrapping)


def _default(store: StorageStore, bucket: Bucket, own: OwnKey | None) -> Wrapping:
    try:
        opened = store.setup.contents.envelopes.bucket_key(bucket.id, bucket.wrapped_key)
    except Tampered as problem:
        raise data_loss("The bucket's key failed authentication.") from problem
    return Wrapping(opened, own)


def _use(store: StorageStore, bucket: Bucket, name: str) -> KeyUse:
    agent = store.agent(bucket.project_number)
    return KeyUse(store.session.acting_as(agent), agent, bucket.name, bucket.id, name)
