"""Records that were read lately, kept in memory.

A commit empties SQLite's own page cache on the connection that reads, so that under load each read
would decrypt its pages again. All writes pass through this process, which makes a cache of records
exact: a group drops what it touched before its callers learn of the commit.
"""

from __future__ import annotations

from collections.abc import Iterable

from rempart.engine.seam import Key, Record

CACHE_BYTES_MAX = 64 << 20
RECORD_BYTES_MAX = 64 << 10
"""Larger records are not kept."""

_OVERHEAD_BYTES = 200


class RecordCache:
    """The records read last; absence is remembered as well. Used on the event loop alone."""

    def __init__(self, bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: dict[Key, Record | None] = {}

    def get(self, key: Key) -> tuple[bool, Record | None]:
        """Return whether the key is known, and its record."""
        kept = self._kept.get(key, self)
        return (False, None) if isinstance(kept, RecordCache) else (True, kept)

    def keep(self, key: Key, record: Record | None) -> None:
        """Remember what was just read; the oldest goes if there is no room."""
        size = _size(key, record)
        if size > RECORD_BYTES_MAX:
            return
        self.drop((key,))
        while self._kept and self._bytes + size > self._bytes_max:
            self.drop((next(iter(self._kept)),))
        self._kept[key] = record
        self._bytes += size

    def drop(self, keys: Iterable[Key]) -> None:
        """Forget these keys."""
        for key in keys:
            if key in self._kept:
                self._bytes -= _size(key, self._kept.pop(key))


def _size(key: Key, record: Record | None) -> int:
    return len(key) + (len(record.value) if record else 0) + _OVERHEAD_BYTES
