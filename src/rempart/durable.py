"""Files that survive a crash whole or not at all, and the lock on a data directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

LOCK_NAME = "run.lock"


class InUse(Exception):  # noqa: N818 - it is named for what it is
    """Another process holds the data directory."""


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file: durable on return, never half-written, never readable by more than `mode`."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    _write(temporary, content, mode)
    temporary.replace(path)
    sync_directory(path.parent)


def create(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, durably; refuses to replace one."""
    _write(path, content, 0o600)
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Unlink a file that may be gone already; durable on return."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold(data: Path) -> Iterator[None]:
    """Hold a data directory for this process alone, until it ends; else raise `InUse`."""
    descriptor = os.open(data / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise InUse(str(data)) from problem
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
