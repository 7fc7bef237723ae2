"""Appends to the log: what was appended is on disk before `append` returns.

Appends that wait together are written and synced together (group commit), by one thread. A write
that fails is taken back and may be tried again later; a sync that fails, or a write that cannot be
taken back, fences the journal for good, because nobody knows what the disk then holds (fsync's
error is reported once and the page counts as clean: LWN 752063).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rempart import durable
from rempart.core.limits import MIB
from rempart.ekm.record.chain import LINE_BYTES_MAX, extend
from rempart.ekm.record.segments import Tail, cut, segment_name, settle, tail

_LOG = logging.getLogger("rempart.ekm")
SEGMENT_BYTES_MAX = 64 * MIB
Sync = Callable[[int], None]


class NotRecorded(Exception):  # noqa: N818 - it is named for what it is
    """An entry is not on disk: nothing may be answered."""


class Journal:
    """The log's one writer. `open` it in a thread; append from one event loop."""

    def __init__(self, directory: Path, end: Tail, sync: Sync = os.fdatasync) -> None:
        self._directory = directory
        self._sync = sync
        self._path = end.path
        self._size = end.size
        self._descriptor = -1 if end.path is None else _open(end.path)
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self.head = end.head
        self.fenced = False
        self.torn = end.torn
        """Bytes that `open` cut off: entries that were never answered."""

    @classmethod
    def open(cls, directory: Path, sync: Sync = os.fdatasync) -> Journal:
        """Find the end of the log, cut a torn tail, and be ready; raises `LogBroken`."""
        settle(directory)
        end = tail(directory)
        cut(end)
        return cls(directory, end, sync)

    async def append(self, content: bytes) -> int:
        """Record an entry and return its index once it is durable; raises `NotRecorded`."""
        if self.fenced or len(content) > LINE_BYTES_MAX - 128:
            raise NotRecorded
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((content, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="journal")
        # A caller that goes away leaves its entry to be written: it was asked.
        return await asyncio.shield(done)

    async def close(self) -> None:
        """Let what waits be written, and release the file."""
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            first = self.head.count
            contents = [content for content, _ in group]
            try:
                written = await loop.run_in_executor(self._thread, self._write, contents)
            except Exception:  # noqa: BLE001 - a bug of ours: who waits must not wait for ever
                _LOG.exception("the journal failed")
                self.fenced, written = True, False
            for index, (_, done) in enumerate(group, start=first):
                if written:
                    done.set_result(index)
                else:
                    done.set_exception(NotRecorded())
                    done.exception()  # read here: its caller may have gone
        self._writing = None

    def _write(self, contents: list[bytes]) -> bool:
        """Write and sync one group, in the journal's thread."""
        if self.fenced:
            return False
        head, lines = self.head, []
        for content in contents:
            head, line = extend(head, content)
            lines.append(line)
        joined = b"".join(lines)
        try:
            self._make_room(len(joined))
            _write_whole(self._descriptor, joined)
        except OSError:
            self._take_back()
            return False
        try:
            self._sync(self._descriptor)
        except OSError:
            self.fenced = True
            return False
        self.head = head
        self._size += len(joined)
        return True

    def _make_room(self, more: int) -> None:
        if self._path is not None and self._size + more <= SEGMENT_BYTES_MAX:
            return
        path = self._directory / segment_name(self.head.count)
        descriptor = _open(path)
        durable.sync_directory(self._directory)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._path, self._size, self._descriptor = path, 0, descriptor

    def _take_back(self) -> None:
        try:
            if self._descriptor >= 0:
                os.ftruncate(self._descriptor, self._size)
        except OSError:
            self.fenced = True


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _write_whole(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
