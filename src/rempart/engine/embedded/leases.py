"""Leases in the same database and the same groups as records, so that a fence holds exactly."""

from __future__ import annotations

import apsw

from rempart.core.clock import Clock
from rempart.engine.embedded.committer import Committer
from rempart.engine.embedded.rows import rows
from rempart.engine.seam import Lease

_MICROS = 1_000_000


class EmbeddedLeases:
    """The leases port; time comes from the clock it is given."""

    def __init__(self, writer: apsw.Connection, committer: Committer, clock: Clock) -> None:
        self._cursor = writer.cursor()
        self._committer = committer
        self._clock = clock

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Take a free or expired lease, or extend one's own; None while another holds it."""
        if not name or not holder or seconds <= 0:
            raise ValueError("a lease needs a name, a holder and a time")
        return await self._committer.submit(lambda: self._acquire(name, holder, seconds), 0)

    async def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens if it is no longer ours."""
        await self._committer.submit(lambda: self._release(lease), 0)

    def _acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        now = self._clock() / _MICROS
        query = "SELECT holder, fence, expires FROM leases WHERE name = ?"
        found = rows(self._cursor, tuple[str, int, float], query, name)
        held_by, fence, expires = found[0] if found else ("", 0, 0.0)
        alive = held_by != "" and expires > now
        if alive and held_by != holder:
            return None
        lease = Lease(name, holder, fence if alive else fence + 1, now + seconds)
        self._cursor.execute(
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)",
            (name, holder, lease.fence, lease.expires),
        )
        return lease

    def _release(self, lease: Lease) -> None:
        # The row stays: its number must never come back.
        self._cursor.execute(
            "UPDATE leases SET holder = '', expires = 0 "
            "WHERE name = ? AND holder = ? AND fence = ?",
            (lease.name, lease.holder, lease.fence),
        )
