"""The embedded engine: four ports on one directory, one process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import apsw

from rempart.core.clock import Clock, system_clock
from rempart.engine.embedded.applier import Applier
from rempart.engine.embedded.blobs import FileBlobs
from rempart.engine.embedded.cache import RecordCache
from rempart.engine.embedded.checkpoint import Checkpoints
from rempart.engine.embedded.committer import Committer
from rempart.engine.embedded.database import Database, open_database
from rempart.engine.embedded.fence import Fence, OnFenced
from rempart.engine.embedded.files import make_directory, sync_directory
from rempart.engine.embedded.leases import EmbeddedLeases
from rempart.engine.embedded.lock import DirectoryLock
from rempart.engine.embedded.records import EmbeddedFeeds, EmbeddedRecords, Reader
from rempart.engine.embedded.refusals import Cipher, Unfit
from rempart.engine.embedded.tip import Tip


def _ignore(_reason: str) -> None:
    """Leave it to the callers, who all get `Fenced`."""


class EmbeddedEngine:
    """The four ports; make one with `open`, use it on one event loop."""

    def __init__(
        self,
        database: Database,
        blobs: FileBlobs,
        release: Callable[[], None],
        fence: Fence,
        clock: Clock,
        tip: Tip,
    ) -> None:
        self._database = database
        self._release = release
        self._fence = fence
        cache = RecordCache()
        applier = Applier(database.writer, cache)
        tip.check(applier.group_version)
        self._tip = tip
        checkpoints = Checkpoints(database.writer, database.checkpointer, fence)
        self._committer = Committer(database.writer, applier, checkpoints, fence, tip)
        reader = Reader(database.reader)
        self._records = EmbeddedRecords(reader, cache, applier, self._committer)
        self._feeds = EmbeddedFeeds(reader)
        self._leases = EmbeddedLeases(database.writer, self._committer, clock)
        self._blobs = blobs

    @classmethod
    def open(
        cls,
        data_dir: Path,
        key: bytes,
        *,
        cipher: Cipher = Cipher.AEGIS,
        clock: Clock = system_clock,
        on_fenced: OnFenced = _ignore,
    ) -> EmbeddedEngine:
        """Open or create the store under `data_dir/engine`; `key` has 32 bytes.

        Raises `AlreadyOpen`, `WrongKey`, `NewerData`, `Lost` or `Unfit`. `on_fenced` is called once
        when durability is lost: it should end the process.
        """
        directory = data_dir / "engine"
        if not data_dir.is_dir():
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(data_dir.parent)
        make_directory(directory)
        with ExitStack() as opened:
            lock = DirectoryLock(directory / "lock")
            opened.callback(lock.release)
            fence = Fence(on_fenced)
            blobs = FileBlobs.within(directory / "blobs", fence)
            database = open_database(directory / "records.db", key, cipher)
            opened.callback(database.abandon)
            tip = Tip(directory / "tip")
            opened.callback(tip.close)
            sync_directory(directory)
            try:
                engine = cls(database, blobs, lock.release, fence, clock, tip)
            except apsw.Error as error:
                raise Unfit(f"the store is damaged: {error}") from error
            opened.pop_all()
        return engine

    @property
    def records(self) -> EmbeddedRecords:
        """Return the records port."""
        return self._records

    @property
    def blobs(self) -> FileBlobs:
        """Return the blobs port."""
        return self._blobs

    @property
    def feeds(self) -> EmbeddedFeeds:
        """Return the feeds port."""
        return self._feeds

    @property
    def leases(self) -> EmbeddedLeases:
        """Return the leases port."""
        return self._leases

    async def close(self) -> None:
        """Finish what was accepted and release everything."""
        await self._committer.close()
        await self._blobs.close()
        if self._fence.tripped:
            self._database.abandon()
        else:
            self._database.close()
        self._tip.close()
        self._release()
