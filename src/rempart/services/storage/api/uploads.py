"""Uploads in one request, and the way into resumable ones.

Source: "Uploads and downloads" of the Cloud Storage documentation.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.core.limits import INLINE_BYTES_MAX
from rempart.core.policy import Resource
from rempart.services.storage.api import asked, resumable
from rempart.services.storage.api.publishing import Staged, claimed, create, created, refuse_size
from rempart.services.storage.contents import Received, own_key
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.store import StorageStore
from rempart.services.storage.wrapping import require_usable
from rempart.trust.custody.bodies import PartWriter
from rempart.trust.custody.digest import Digest
from rempart.trust.custody.envelope import context


async def resource(call: Call, store: StorageStore) -> Resource:
    """Return the object to create: named by the request, or by the upload session."""
    if "upload_id" not in call.query:
        return await asked.new_object(call, store)
    session = await resumable.find_session(call, store)
    return await store.object_resource(await store.find_bucket(session.bucket), session.name)


async def insert(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Store an object, begin a resumable upload, or go on with one."""
    if "upload_id" in call.query:
        return await resumable.go_on(grant, call, store)
    if call.query.get("uploadType") == "resumable":
        return await resumable.begin(grant, call, store)
    bucket = await store.bucket_of(call)
    got: Received = store.session.staged.got
    claimed(call).verify(crc32c=got.crc32c, md5=got.md5)
    new = await create(grant, call, store, bucket=bucket, got=got)
    return created(call, bucket, new)


async def stage(grant: Grant, call: Call, store: StorageStore) -> Staged | None:
    """Receive the body of an upload or of a chunk."""
    if "upload_id" in call.query:
        return await resumable.stage_chunk(call, store)
    own_key(call.headers)
    if call.query.get("uploadType") == "resumable":
        return None
    length = call.body.length
    refuse_size(length)
    if length is not None and length <= INLINE_BYTES_MAX:
        return Staged(_small(await call.body.read(INLINE_BYTES_MAX)))
    bucket = await store.bucket_of(call)
    await require_usable(store, bucket, asked.kms_key(call, bucket))
    return Staged(await _receive(call, store, bucket))


def _small(content: bytes) -> Received:
    digest = Digest()
    digest.update(content)
    return Received(digest.size, digest.crc32c, digest.md5(), inline=content)


async def _receive(call: Call, store: StorageStore, bucket: Bucket) -> Received:
    bound = context("storage", bucket.id, "part", store.setup.world.random(16))
    receiver = _Receiver(store, bound, Digest())
    try:
        async for data in call.body:
            await receiver.take(data)
        return await receiver.done()
    except BaseException:
        await receiver.abort()
        raise


class _Receiver:
    """Takes in a body: small ones stay in memory, longer ones become a sealed part."""

    def __init__(self, store: StorageStore, bound: bytes, digest: Digest) -> None:
        self._store = store
        self._bound = bound
        self._digest = digest
        self._held: list[bytes] = []
        self._size = 0
        self._writer: PartWriter | None = None

    async def take(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._size += len(data)
        refuse_size(self._size)
        if self._writer is None and self._size <= INLINE_BYTES_MAX:
            self._held.append(data)
            return
        if self._writer is None:
            await self._store.session.intend()
            self._writer = await self._store.setup.contents.bodies.begin(self._bound, self._digest)
            for held in self._held:
                await self._writer.write(held)
            self._held = []
        await self._writer.write(data)

    async def done(self) -> Received:
        """Return what was received, durable where it became a part."""
        if self._writer is not None:
            part = await self._writer.finish()
            return Received(self._size, self._digest.crc32c, self._digest.md5(), parts=(part,))
        return _small(b"".join(self._held))

    async def abort(self) -> None:
        """Drop what was received."""
        if self._writer is not None:
            await self._writer.abort()
