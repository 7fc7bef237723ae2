"""Housekeeping in the background: a job that runs soon after the start and then at intervals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

FIRST_AFTER_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Job(Protocol):
    """Something to do now and then; it may be cut short at any await."""

    async def run(self) -> None:
        """Do it once."""


class Sweeper:
    """Runs a job until it is stopped. One that fails is logged and tried again next time."""

    def __init__(self, job: Job, *, every_seconds: float) -> None:
        self._job = job
        self._every_seconds = every_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        """End, wherever the job is."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                await self._job.run()
            except Exception:  # noqa: BLE001 - a job that failed must not end the universe
                _log.exception("A background job failed; it runs again later.")
            await asyncio.sleep(self._every_seconds)
