"""Durable file operations: whole writes, synced files, synced directories. Blocking."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from rempart.engine.seam import OutOfSpace

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SyncError(OSError):
    """A sync failed: what was written may be lost, and asking again would hide it."""


def open_file(path: Path, flags: int) -> int:
    """Open a file for its owner alone; raises `OutOfSpace`, or `OSError`."""
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in _FULL:
            raise OutOfSpace("the disk is full") from error
        raise


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write the whole of `data`; raises `OutOfSpace`, or `OSError`."""
    view = memoryview(data)
    while view:
        try:
            written = os.write(descriptor, view)
        except OSError as error:
            if error.errno in _FULL:
                raise OutOfSpace("the disk is full") from error
            raise
        view = view[written:]


def sync(descriptor: int) -> None:
    """Sync contents and size of a file; raises `SyncError`."""
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        raise SyncError(error.errno, os.strerror(error.errno or 0)) from error


def sync_directory(path: Path) -> None:
    """Sync the names in a directory; raises `SyncError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise SyncError(error.errno, os.strerror(error.errno or 0)) from error
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory durably, for its owner alone; nothing happens if it exists."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno in _FULL:
            raise OutOfSpace("the disk is full") from error
        raise
    sync_directory(path.parent)
