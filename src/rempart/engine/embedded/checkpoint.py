"""Keeping the write-ahead log short without stalling commits.

A background pass copies most of the log into the database while commits go on. It cannot catch up
with them, so a second, short pass between two groups copies the rest; then the next commit starts
the log from its beginning.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import apsw

from rempart.engine.embedded.fence import Fence

WAL_PAGES_SOFT = 1024
"""From this length on (8 MiB) the log is folded in the background."""

WAL_PAGES_HARD = 16_384
"""At this length (128 MiB) commits wait for the folding, whatever the background does."""


class Checkpoints:
    """Decides when to fold the log, and folds it."""

    def __init__(
        self, writer: apsw.Connection, checkpointer: apsw.Connection, fence: Fence
    ) -> None:
        self._writer = writer
        self._checkpointer = checkpointer
        self._fence = fence
        self._pages = 0
        self._next = WAL_PAGES_SOFT
        self._background: asyncio.Future[None] | None = None
        self._rest_due = False
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        writer.set_wal_hook(self._count)

    @property
    def rest_due(self) -> bool:
        """Return whether `fold_rest` must run before the next group."""
        return self._rest_due or self._pages >= max(WAL_PAGES_HARD, self._next)

    def consider(self) -> None:
        """Start a background pass if the log has grown enough; called after each group."""
        if self._pages < WAL_PAGES_SOFT:
            self._next = WAL_PAGES_SOFT
        if self._pages < self._next or self._background is not None or self._rest_due:
            return
        loop = asyncio.get_running_loop()
        self._background = loop.run_in_executor(self._thread, self._fold, self._checkpointer)
        self._background.add_done_callback(self._passed)

    def fold_rest(self) -> None:
        """Copy what the background pass left; runs in the commit thread, between groups."""
        self._fold(self._writer)
        self._rest_due = False
        # A reader in mid-flight can keep the log from starting anew: wait for as much growth again.
        self._next = self._pages + WAL_PAGES_SOFT

    async def close(self) -> None:
        """Wait for the background pass."""
        if self._background is not None:
            await asyncio.wait([self._background])
        self._thread.shutdown()

    def _count(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _passed(self, background: asyncio.Future[None]) -> None:
        self._background = None
        error = background.exception()
        if error is not None:
            self._fence.trip(f"the log could not be folded into the database: {error}")
            return
        self._rest_due = True

    def _fold(self, connection: apsw.Connection) -> None:
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.FullError, apsw.BusyError):
            # The log keeps everything: the database file takes it once there is room.
            return
