"""Housekeeping in the background: each job runs soon after the start and then every hour."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

FIRST_AFTER_SECONDS = 5.0
EVERY_SECONDS = 3600.0

_log = logging.getLogger(__name__)


class Job(Protocol):
    """Something to do now and then; it may be cut short at any await."""

    async def run(self) -> None:
        """Do it once."""


class Sweeper:
    """Runs jobs until it is stopped. A job that fails is logged and tried again next time."""

    def __init__(self, jobs: tuple[Job, ...]) -> None:
        self._jobs = jobs
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        """End, wherever a job is."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_AFTER_SECONDS)
        while True:
            for job in self._jobs:
                try:
                    await job.run()
                except Exception:  # noqa: BLE001 - one bad job must not end the others
                    _log.exception("A background job failed; it runs again in an hour.")
            await asyncio.sleep(EVERY_SECONDS)
