"""The lock that keeps a data directory to one process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rempart.engine.embedded.refusals import AlreadyOpen


class DirectoryLock:
    """An exclusive lock on `path`, held until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock; raises `AlreadyOpen` while anybody else holds it."""
        # Close-on-exec: a child that outlives this process must not keep the store locked.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise AlreadyOpen(f"{path.parent} is open in another process or engine") from error

    def release(self) -> None:
        """Let others in."""
        os.close(self._descriptor)
