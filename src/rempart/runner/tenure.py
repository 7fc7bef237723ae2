"""Being the only process that serves a universe, where the engine itself could serve several.

What the sealed engine keeps in memory is right only while nobody else writes. The lease is renewed
long before it ends, every commit carries its fencing number, and a lost lease ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from rempart.engine.seam import EngineError, Lease, Leases

NAME = "universe"
LEASE_SECONDS = 30.0
RENEW_AFTER_SECONDS = 10.0


class Taken(Exception):  # noqa: N818 - it is named for what it is
    """Another process serves this universe."""


class Tenure:
    """One process's time as the server of a universe."""

    def __init__(self, leases: Leases, holder: str, lost: Callable[[str], None]) -> None:
        self._leases = leases
        self._holder = holder
        self._lost = lost
        self._lease: Lease | None = None
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> tuple[str, int]:
        """Take the lease and keep it; return what commits must carry. Raises `Taken`."""
        self._lease = await self._leases.acquire(NAME, self._holder, LEASE_SECONDS)
        if self._lease is None:
            raise Taken("Another process serves this universe from the same database. Stop it.")
        self._task = asyncio.create_task(self._renew(), name="tenure")
        return NAME, self._lease.fence

    async def end(self) -> None:
        """Give the lease back."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._lease is not None:
            with contextlib.suppress(EngineError):
                await self._leases.release(self._lease)

    async def _renew(self) -> None:
        left = int(LEASE_SECONDS / RENEW_AFTER_SECONDS)
        while left:
            await asyncio.sleep(RENEW_AFTER_SECONDS)
            try:
                lease = await self._leases.acquire(NAME, self._holder, LEASE_SECONDS)
            except EngineError:
                left -= 1
                continue
            if lease is None or self._lease is None or lease.fence != self._lease.fence:
                break
            left = int(LEASE_SECONDS / RENEW_AFTER_SECONDS)
        self._lost("The lease on the database was lost: another process may serve the universe.")
