"""Blobs as files: `ab/abcdef…` under one directory, `….part` while being written.

A blob appears by a rename after its contents are synced, and is acknowledged after its directory
is synced. Ids are checked to be hexadecimal, so that a name never becomes a path.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from rempart.engine.embedded.blobfile import FileBlobReader, FileBlobWriter
from rempart.engine.embedded.fence import Fence, OnFenced
from rempart.engine.embedded.files import make_directory
from rempart.engine.rules import check_blob
from rempart.engine.seam import BlobId, BlobReader, BlobWriter, Missing, Unavailable

THREADS = 16
PART = ".part"

Result = TypeVar("Result")


class FileBlobs:
    """The blobs port on a directory of its own."""

    def __init__(self, directory: Path, fence: Fence) -> None:
        self._directory = directory
        self._fence = fence
        self._threads = ThreadPoolExecutor(THREADS, "blob")

    @classmethod
    def at(cls, directory: Path, on_fenced: OnFenced) -> FileBlobs:
        """Open or create the directory, with a fence of its own."""
        return cls.within(directory, Fence(on_fenced))

    @classmethod
    def within(cls, directory: Path, fence: Fence) -> FileBlobs:
        """Open or create the directory; what earlier writers abandoned is removed."""
        make_directory(directory)
        for part in directory.glob(f"??/*{PART}"):
            part.unlink()
        return cls(directory, fence)

    async def create(self, blob: BlobId) -> BlobWriter:
        """Begin a blob."""
        self._fence.check()
        path = self._path(blob)
        writer = FileBlobWriter(path, path.with_name(blob + PART), self._threads, self._fence)
        await writer.begin()
        return writer

    async def open(self, blob: BlobId) -> BlobReader:
        """Open a finished blob; raises `Missing`."""
        try:
            descriptor = os.open(self._path(blob), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise Missing("no such blob") from error
        except OSError as error:
            raise Unavailable(f"a blob could not be opened: {error}") from error
        return FileBlobReader(descriptor, os.fstat(descriptor).st_size, self._threads)

    async def delete(self, blob: BlobId) -> None:
        """Remove a blob; nothing happens if it is not there.

        Not synced: a blob that comes back after a power cut is garbage that a sweep removes.
        """
        path = self._path(blob)
        try:
            await self._run(partial(path.unlink, missing_ok=True))
        except OSError as error:
            raise Unavailable(f"a blob could not be removed: {error}") from error

    async def list(self) -> AsyncIterator[BlobId]:
        """Iterate over finished and abandoned blobs, in any order."""
        for fan in await self._run(lambda: sorted(self._directory.glob("??"))):
            for name in await self._run(partial(_names, fan)):
                yield BlobId(name.removesuffix(PART))

    async def close(self) -> None:
        """Wait for the operations under way."""
        self._threads.shutdown()

    def _path(self, blob: BlobId) -> Path:
        check_blob(blob)
        return self._directory / blob[-2:] / blob

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _names(directory: Path) -> tuple[str, ...]:
    return tuple(path.name for path in directory.iterdir())
