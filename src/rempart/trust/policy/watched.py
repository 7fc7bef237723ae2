"""Files beside the data that the operator replaces while the universe runs.

A file is looked at most once a second and read again when it has changed. One that cannot be read
is reported in the log and changes nothing: what was read before stays in force.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from rempart.core.clock import Micros

T = TypeVar("T")
LOOK_EVERY_MICROS = 1_000_000
_log = logging.getLogger(__name__)


class Watched(Generic[T]):
    """A file and what it said when it last made sense.

    `read` raises ValueError for a file that makes none. `refused` tells that the file now there
    was refused: who must not act without it asks that.
    """

    def __init__(self, path: Path | None, read: Callable[[Path], T], what: str) -> None:
        self._path = path
        self._read = read
        self._what = what
        self._looked = 0
        self._seen: tuple[int, int, int] | None = None
        self._loading: asyncio.Task[None] | None = None
        self.value: T | None = None
        self.refused = False

    async def current(self, now: Micros) -> T | None:
        """Return what is in force; None where there never was a file that made sense."""
        if self._path is None:
            return None
        if abs(now - self._looked) >= LOOK_EVERY_MICROS:
            self._looked = now
            seen = _stamp(self._path)
            if seen != self._seen:
                self._seen = seen
                self._loading = asyncio.create_task(self._load(self._path, there=bool(seen)))
        if self._loading is not None and self.value is None:
            # Nobody acts without the first reading; later ones replace what stays meanwhile.
            await asyncio.shield(self._loading)
        return self.value

    async def _load(self, path: Path, *, there: bool) -> None:
        """Take the file in; one that was taken away is as one that makes no sense."""
        try:
            self.value = await asyncio.to_thread(self._read, path)
            self.refused = False
        except (OSError, ValueError) as problem:
            self.refused = True
            said = problem if there else "it is gone"
            kept = "what was in force stays" if self.value is not None else "nothing is in force"
            # The cause is told in words: a stack would say no more of a file of the operator's.
            _log.warning("%s is refused (%s): %s", self._what, said, kept)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
