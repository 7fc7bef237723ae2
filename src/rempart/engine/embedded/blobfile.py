"""One blob being written, and one being read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from rempart.engine.embedded.fence import Fence
from rempart.engine.embedded.files import (
    SyncError,
    make_directory,
    open_file,
    sync,
    sync_directory,
    write_all,
)
from rempart.engine.seam import OutOfSpace, Unavailable

WRITE_BYTES = 1 << 20
"""Writes gather to this size before they go to a thread."""

SYNC_BYTES = 64 << 20
"""So much is synced early, beside the writing, so that the last sync is short."""

READ_INLINE_BYTES = 2 << 20
"""Up to this size a read that the page cache can answer runs on the event loop.

A hop to a thread costs more than copying so much does, and the thread's allocator gives every
buffer's pages back to the system, which then has to clear them again.
"""

PROBE_BYTES = 256 << 10
"""How far apart a range is probed for being in the page cache."""

_CLOSED = -1

Result = TypeVar("Result")


class FileBlobWriter:
    """Writes `part`, then renames it to `path`; whoever has one must `finish` or `abort` it."""

    def __init__(self, path: Path, part: Path, threads: Executor, fence: Fence) -> None:
        self._path = path
        self._part = part
        self._threads = threads
        self._fence = fence
        self._descriptor = _CLOSED
        self._gathered = bytearray()
        self._unsynced = 0
        self._writing: asyncio.Future[None] | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._under_way: set[asyncio.Future[object]] = set()

    async def begin(self) -> None:
        """Create the part; raises `ValueError` if the id is being written already."""
        try:
            await self._guarded(self._launch(self._create))
        except FileExistsError as error:
            raise ValueError("the blob is being written already") from error
        except asyncio.CancelledError:
            # The thread goes on and opens the part, which nobody would close.
            await self._drop()
            raise

    async def write(self, data: bytes) -> None:
        """Append the whole of `data`; raises `OutOfSpace` or `Fenced`.

        Returns while the last piece is being written: a failure there meets the next call.
        """
        self._check_open()
        if not self._gathered and len(data) >= WRITE_BYTES:
            await self._hand_over(data)
            return
        self._gathered += data
        if len(self._gathered) >= WRITE_BYTES:
            await self._hand_over_gathered()

    async def finish(self) -> None:
        """Make the blob durable and readable: contents first, then its name."""
        self._check_open()
        if self._gathered:
            await self._hand_over_gathered()
        await self._settle()
        await self._guarded(self._launch(self._publish))
        descriptor, self._descriptor = self._descriptor, _CLOSED
        os.close(descriptor)

    async def abort(self) -> None:
        """Drop what was written; harmless after `finish`."""
        await self._drop()

    def _check_open(self) -> None:
        self._fence.check()
        if self._descriptor == _CLOSED:
            raise ValueError("the blob is finished or aborted")

    async def _hand_over_gathered(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        await self._hand_over(gathered)

    async def _hand_over(self, data: bytes | bytearray) -> None:
        await self._settle_writing()
        self._writing = self._launch(partial(write_all, self._descriptor, data))
        self._unsynced += len(data)
        if self._unsynced >= SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            await self._settle_syncing()
            self._syncing = self._launch(partial(sync, self._descriptor))
            self._unsynced = 0

    async def _settle(self) -> None:
        await self._settle_writing()
        await self._settle_syncing()

    async def _settle_writing(self) -> None:
        if self._writing is not None:
            await self._guarded(self._writing)
            self._writing = None

    async def _settle_syncing(self) -> None:
        if self._syncing is not None:
            await self._guarded(self._syncing)
            self._syncing = None

    async def _guarded(self, work: asyncio.Future[Result]) -> Result:
        try:
            # Shielded: cancelling the caller cannot stop a thread, and must not lose sight of it.
            return await asyncio.shield(work)
        except OutOfSpace:
            await self._drop()
            raise
        except SyncError as error:
            raise self._fence.trip(f"a blob could not be synced: {error}") from error
        except FileExistsError:
            raise
        except OSError as error:
            await self._drop()
            raise Unavailable(f"a blob could not be written: {error}") from error

    async def _drop(self) -> None:
        # A number closed under a running thread could by then be another file's.
        if self._under_way:
            await asyncio.wait(self._under_way)
        descriptor, self._descriptor = self._descriptor, _CLOSED
        if descriptor != _CLOSED:
            await self._launch(partial(self._discard, descriptor))

    def _create(self) -> None:
        make_directory(self._part.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = open_file(self._part, flags)

    def _publish(self) -> None:
        sync(self._descriptor)
        self._part.rename(self._path)
        sync_directory(self._path.parent)

    def _discard(self, descriptor: int) -> None:
        os.close(descriptor)
        self._part.unlink(missing_ok=True)

    def _launch(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        kept = cast(asyncio.Future[object], future)
        self._under_way.add(kept)
        kept.add_done_callback(self._landed)
        return future

    def _landed(self, work: asyncio.Future[object]) -> None:
        self._under_way.discard(work)
        # Looked at, so that a failure nobody waits for any more is not reported as forgotten.
        work.exception()


class FileBlobReader:
    """Reads an open file; a deletion meanwhile does not matter to it."""

    def __init__(self, descriptor: int, length: int, threads: Executor) -> None:
        self._descriptor = descriptor
        self._length = length
        self._threads = threads
        self._under_way = 0
        self._closing = False

    @property
    def length(self) -> int:
        """Return the length in bytes."""
        return self._length

    async def read(self, offset: int, length: int) -> bytes:
        """Return exactly those bytes, fewer only at the end of the blob."""
        if self._closing:
            raise ValueError("the blob is closed")
        count = max(0, min(length, self._length - offset))
        if count <= READ_INLINE_BYTES and self._cached(offset, count):
            return _read_all(self._descriptor, offset, count)
        loop = asyncio.get_running_loop()
        self._under_way += 1
        work = loop.run_in_executor(self._threads, _read_all, self._descriptor, offset, count)
        work.add_done_callback(self._landed)
        return await asyncio.shield(work)

    async def close(self) -> None:
        """Release the blob, after the reads under way."""
        self._closing = True
        self._close_if_idle()

    def _landed(self, work: asyncio.Future[bytes]) -> None:
        work.exception()
        self._under_way -= 1
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._closing and self._under_way == 0 and self._descriptor != _CLOSED:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _cached(self, offset: int, count: int) -> bool:
        # A probe takes a microsecond; a cold stretch that they all miss costs one short wait.
        probe, last = bytearray(1), offset + max(count - 1, 0)
        try:
            for place in (*range(offset, last, PROBE_BYTES), last):
                os.preadv(self._descriptor, [probe], place, os.RWF_NOWAIT)
        except OSError:
            return False
        return True


def _read_all(descriptor: int, offset: int, count: int) -> bytes:
    try:
        data = os.pread(descriptor, count, offset)
        while len(data) < count:
            more = os.pread(descriptor, count - len(data), offset + len(data))
            if not more:
                raise Unavailable("a blob is shorter than it was")
            data += more
    except OSError as error:
        raise Unavailable(f"a blob could not be read: {error}") from error
    return data
