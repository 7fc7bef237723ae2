"""One chunk of a resumable upload on its way in: checked against what it declares, made durable.

Source: "Resumable uploads" of the Cloud Storage documentation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from rempart.core.call import Body
from rempart.core.errors import CloudError, invalid
from rempart.core.limits import RESUMABLE_CHUNK_BYTES
from rempart.services.storage.api.publishing import Staged, refuse_size
from rempart.services.storage.contents import Received
from rempart.services.storage.kinds import UploadSession
from rempart.services.storage.model.ranges import ContentRange
from rempart.services.storage.store import StorageStore
from rempart.trust.custody.bodies import PartWriter
from rempart.trust.custody.digest import Digest


class Chunk:
    """One chunk on its way in: only whole multiples of 256 KiB are kept of one that is cut."""

    def __init__(
        self,
        store: StorageStore,
        body: Body,
        session: UploadSession,
        asked_range: ContentRange,
        digest: Digest,
    ) -> None:
        self._store = store
        self._body = body
        self._session = session
        self._range = asked_range
        self._digest = digest
        self._held = bytearray()
        self._writer: PartWriter | None = None
        self._seen = 0

    async def receive(self, bound: bytes) -> Staged:
        """Return the staged chunk."""
        skip = self._session.stored - (self._range.start or 0)
        cut = False
        try:
            async for data in self._fresh(skip):
                await self._take(data, bound)
            last = self._is_last()
            if last and self._held:
                await self._write(bytes(self._held), bound)
        except CloudError as problem:
            cut = problem.reason == "requestCut"
            if not cut:
                await self._abort()
                raise
            last = False
        except BaseException:
            await self._abort()
            raise
        parts = (await self._writer.finish(),) if self._writer else ()
        size = sum(part.length for part in parts)
        got = Received(size, self._digest.crc32c, self._digest.md5(), parts=parts)
        return Staged(got, self._digest, self._session.stored, last, cut)

    async def _fresh(self, skip: int) -> AsyncIterator[bytes]:
        async for data in self._body:
            self._seen += len(data)
            refuse_size((self._range.start or 0) + self._seen)
            if skip >= len(data):
                skip -= len(data)
                continue
            yield data[skip:] if skip else data
            skip = 0

    async def _take(self, data: bytes, bound: bytes) -> None:
        self._held += data
        whole = len(self._held) - len(self._held) % RESUMABLE_CHUNK_BYTES
        if whole:
            await self._write(bytes(memoryview(self._held)[:whole]), bound)
            del self._held[:whole]

    async def _write(self, data: bytes, bound: bytes) -> None:
        if self._writer is None:
            await self._store.session.intend()
            bodies = self._store.setup.contents.bodies
            self._writer = await bodies.begin(bound, self._digest)
        await self._writer.write(data)

    def _is_last(self) -> bool:
        """Tell whether the chunk ends the upload, once its length fits what it declared."""
        start = self._range.start or 0
        if self._range.stop is not None and self._seen != self._range.stop - start:
            raise invalid(
                f"The chunk has {self._seen} bytes; its Content-Range declares"
                f" {self._range.stop - start}.",
                field="Content-Range",
            )
        end = start + self._seen
        total = self._range.total if self._range.total is not None else self._session.total
        if total is not None and end > total:
            raise invalid("The chunk goes past the declared end.", field="Content-Range")
        return end == total if total is not None else self._range.stop is None

    async def _abort(self) -> None:
        if self._writer is not None:
            await self._writer.abort()
