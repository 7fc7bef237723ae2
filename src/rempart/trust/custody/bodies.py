"""Bodies on their way to and from the engine: hashed and sealed piece by piece, in bounded memory.

A part is one sealed message (docs/spec/body.md) in one blob, under its own random key. Plaintext is
never written, and no byte leaves before its segment is authenticated.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import google_crc32c

from rempart.core.clock import Clock, Random, system_clock
from rempart.core.errors import data_loss
from rempart.core.limits import MIB
from rempart.engine.seam import BlobId, BlobReader, Blobs, BlobWriter, Missing
from rempart.trust.custody.body import HEADER_BYTES, Opener, Sealer, sealed_length
from rempart.trust.custody.digest import Digest
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.keyring import KEY_BYTES

PIECE_BYTES = MIB
"""How much is hashed, sealed and written at a time."""

PIECES_IN_FLIGHT_MAX = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A sealed stretch of a body: its blob, the key and context it opens with, its plain length."""

    blob: BlobId
    key: bytes
    context: bytes
    length: int
    crc32c: int


class Bodies:
    """Writes and reads parts."""

    def __init__(self, blobs: Blobs, random: Random, clock: Clock = system_clock) -> None:
        self._blobs = blobs
        self._random = random
        self._pins: Counter[BlobId] = Counter()
        self._doomed: set[BlobId] = set()
        self._clock = clock
        self._born = clock()

    async def begin(self, context: bytes, digest: Digest) -> PartWriter:
        """Begin a part; `digest` also takes in what is written."""
        born = max(self._clock(), self._born)
        blob = BlobId(f"{born:016x}{self._random(8).hex()}")
        key = self._random(KEY_BYTES)
        return PartWriter(await self._blobs.create(blob), blob, key, context, digest)

    def inherited(self, blob: BlobId) -> bool:
        """Tell whether a blob is older than this process: no upload in progress writes it.

        A blob's id begins with the time when it was begun, never before this process began.
        """
        return int(blob[:16], 16) < self._born

    async def delete(self, blobs: Iterable[BlobId]) -> None:
        """Remove blobs, each once nobody reads it any more."""
        for blob in blobs:
            if self._pins[blob]:
                self._doomed.add(blob)
            else:
                await self._blobs.delete(blob)

    def read(self, parts: tuple[Part, ...], start: int, stop: int) -> BodyStream:
        """Return the plaintext from `start` to before `stop` as a stream, authenticated.

        Raises `data_loss` at the first byte that cannot be vouched for; what came before it was
        whole. The parts stay readable until the stream is closed, whatever is deleted meanwhile.
        """
        return BodyStream(self, parts, start, stop)

    def pin(self, parts: tuple[Part, ...]) -> None:
        """Keep the blobs of these parts until they are unpinned."""
        self._pins.update(part.blob for part in parts)

    async def unpin(self, parts: tuple[Part, ...]) -> None:
        """Let go of the blobs of these parts."""
        for part in parts:
            self._pins[part.blob] -= 1
            if self._pins[part.blob] <= 0:
                del self._pins[part.blob]
                if part.blob in self._doomed:
                    self._doomed.discard(part.blob)
                    await self._blobs.delete(part.blob)

    async def pieces(self, parts: tuple[Part, ...], start: int, stop: int) -> AsyncIterator[bytes]:
        """Iterate over the plaintext of parts that are pinned."""
        base = 0
        for part in parts:
            first, last = max(start - base, 0), min(stop - base, part.length)
            if first < last:
                async for piece in self._read_part(part, first, last):
                    yield piece
            base += part.length

    async def _read_part(self, part: Part, start: int, stop: int) -> AsyncIterator[bytes]:
        try:
            reader = await self._blobs.open(part.blob)
        except Missing as problem:
            raise data_loss("A part of the object is missing.") from problem
        try:
            _check_length(reader, part)
            header = await reader.read(0, HEADER_BYTES)
            opener = Opener(part.key, part.context, header, part.length)
            async for piece in _pieces(reader, opener, start, stop):
                yield piece
        except Tampered as problem:
            raise data_loss("A part of the object failed authentication.") from problem
        finally:
            await reader.close()


def _check_length(reader: BlobReader, part: Part) -> None:
    """Raise `Tampered` for a blob that was cut, or that has more bytes than its part."""
    if reader.length != sealed_length(part.length):
        raise Tampered


class BodyStream:
    """A range of a body on its way out; close it, also when it was not read to its end."""

    def __init__(self, bodies: Bodies, parts: tuple[Part, ...], start: int, stop: int) -> None:
        self._bodies = bodies
        self._parts = parts
        self._pieces = bodies.pieces(parts, start, stop)
        self._open = True
        bodies.pin(parts)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Let go of the parts."""
        if self._open:
            self._open = False
            await self._bodies.unpin(self._parts)


async def _pieces(
    reader: BlobReader, opener: Opener, start: int, stop: int
) -> AsyncIterator[bytes]:
    """Iterate over the pieces of a range, reading one ahead of the one that is sent."""
    spans = list(opener.spans(start, stop, PIECE_BYTES))
    ahead = asyncio.ensure_future(reader.read(*opener.sealed_span(*spans[0])))
    try:
        for index, (first, last) in enumerate(spans):
            sealed = await ahead
            if index + 1 < len(spans):
                ahead = asyncio.ensure_future(reader.read(*opener.sealed_span(*spans[index + 1])))
            for piece in opener.open_pieces(first, last, sealed):
                yield piece
    finally:
        if not ahead.done():
            await asyncio.wait((ahead,))


class PartWriter:
    """A part that is being written: one piece is hashed and sealed while the last one is stored."""

    def __init__(
        self, blob: BlobWriter, name: BlobId, key: bytes, context: bytes, digest: Digest
    ) -> None:
        self._blob = blob
        self._name = name
        self._key = key
        self._context = context
        self._digest = digest
        self._given = 0
        self._crc32c = 0
        self._sealer = Sealer(key, context)
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._tasks: deque[asyncio.Task[None]] = deque()
        self._hash_turn = asyncio.Lock()
        self._seal_turn = asyncio.Lock()
        self._write_turn = asyncio.Lock()
        self._header: bytes = self._sealer.header()

    @property
    def length(self) -> int:
        """Return how many plain bytes were given."""
        return self._given

    async def write(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._held.append(data)
        self._given += len(data)
        self._held_bytes += len(data)
        if self._held_bytes >= PIECE_BYTES:
            await self._submit(last=False)

    async def finish(self) -> Part:
        """Make the part durable and return it."""
        await self._submit(last=True)
        while self._tasks:
            await self._tasks.popleft()
        await self._blob.finish()
        return Part(self._name, self._key, self._context, self._given, self._crc32c)

    async def abort(self) -> None:
        """Drop the part."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._blob.abort()

    async def _submit(self, *, last: bool) -> None:
        piece = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        while len(self._tasks) >= PIECES_IN_FLIGHT_MAX:
            await self._tasks.popleft()
        self._tasks.append(asyncio.create_task(self._work(piece, last=last)))

    async def _work(self, piece: bytes, *, last: bool) -> None:
        """Hash in turn, seal in turn, write in turn: asyncio locks are fair, so the order is kept.

        MD5 is the slowest of all that is done to a body, so it waits for nothing but itself.
        """
        await asyncio.gather(self._hash(piece), self._store(piece, last=last))

    async def _hash(self, piece: bytes) -> None:
        async with self._hash_turn:
            await asyncio.to_thread(self._digest.update, piece)

    async def _store(self, piece: bytes, *, last: bool) -> None:
        async with self._seal_turn:
            sealed = await asyncio.to_thread(self._seal, piece, last=last)
            await self._write_turn.acquire()
        try:
            await self._blob.write(sealed)
        finally:
            self._write_turn.release()

    def _seal(self, piece: bytes, *, last: bool) -> bytes:
        self._crc32c = google_crc32c.extend(self._crc32c, piece)
        header, self._header = self._header, b""
        segments = self._sealer.update(piece)
        return b"".join((header, *segments, self._sealer.finish() if last else b""))
