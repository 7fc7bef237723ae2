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

    `read` raises ValueError for a file that makes none; it runs beside the loop. Nobody is answered
    before the first reading; a later one is waited for as well, unless it is `slow`: then what was
    read before answers meanwhile.
    """

    def __init__(
        self, path: Path | None, read: Callable[[Path], T], what: str, *, slow: bool = False
    ) -> None:
        self._slow = slow
        self._path = path
        self._read = read
        self._what = what
        self._looked = 0
        self._seen: tuple[int, int, int] | None = None
        self._loading: asyncio.Task[None] | None = None
        self.value: T | None = None

    def settled(self, now: Micros) -> bool:
        """Tell whether `current` would return `value` as it is, without looking at the file."""
        looked = self._path is None or abs(now - self._looked) < LOOK_EVERY_MICROS
        return looked and self._loading is None

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
        loading = self._loading
        if loading is not None and not (self._slow and self.value is not None):
            await asyncio.shield(loading)
        return self.value

    async def _load(self, path: Path, *, there: bool) -> None:
        """Take the file in; one that was taken away is as one that makes no sense."""
        try:
            self.value = await asyncio.to_thread(self._read, path)
        except (OSError, ValueError) as problem:
            said = problem if there else "it is gone"
            kept = "what was in force stays" if self.value is not None else "nothing is in force"
            # The cause is told in words: a stack would say no more of a file of the operator's.
            _log.warning("%s is refused (%s): %s", self._what, said, kept)
        finally:
            self._loading = None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
