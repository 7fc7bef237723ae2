"""The tip: beside the database, the number of the last commit that was acknowledged.

SQLite drops what follows a damaged frame of its log, silently: so it recovers from a crash. A bit
that flips in the log later looks the same, and acknowledged commits would be gone unnoticed. So the
tip is written after each group is durable. It needs no sync of its own: a tip that is behind
weakens the check, a tip that is ahead of the database proves a loss.

16 bytes: the number, big-endian, and the first 8 bytes of its SHA-256; anything else reads as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from rempart.engine.embedded.refusals import Lost

_NUMBER_BYTES = 8
_SUM_BYTES = 8


class Tip:
    """The file; `check` before the first `advance`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def check(self, version: int) -> None:
        """Raise `Lost` where the database ends before the last acknowledged commit."""
        content = os.pread(self._file, _NUMBER_BYTES + _SUM_BYTES, 0)
        number = content[:_NUMBER_BYTES]
        acknowledged = int.from_bytes(number, "big")
        if content == number + _sum(number) and acknowledged > version:
            raise Lost(
                f"the store ends at commit {version}, but commit {acknowledged} was acknowledged:"
                " its files are damaged, or older than they should be. Restore a backup, or remove"
                f" {self._path} to go on without what is lost"
            )

    def advance(self, version: int) -> None:
        """Note a commit that is durable; a full disk leaves the older number, which is safe."""
        number = version.to_bytes(_NUMBER_BYTES, "big")
        with contextlib.suppress(OSError):
            os.pwrite(self._file, number + _sum(number), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _sum(number: bytes) -> bytes:
    return hashlib.sha256(number).digest()[:_SUM_BYTES]
