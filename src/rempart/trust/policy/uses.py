"""Which permissions are used by whom, and where, by the day.

A use is noted in memory as the gate lets it through, once a day for each (member, container,
permission), and written in batches by a background job: what was noted since its last run is lost
when the process ends. It serves to tell grants that nobody uses; the log, not this, is evidence.

A container is a project's id, or `folders/N` or `organizations/N`. No use is noted that a day's
limit leaves no room for; the record then says so, and whoever reads it concludes nothing.
"""

from __future__ import annotations

import msgspec

from rempart.core.clock import Micros
from rempart.core.policy import Resource
from rempart.engine.seam import Conflict
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.policy.hierarchy import container_of

DAY = 86_400_000_000
USES_OF_A_DAY_MAX = 100_000
KEPT_DAYS = 400
WRITTEN_AT_ONCE = 500

_OF_RECORD = ""
_BEGAN, _LEFT_OUT = "began", "left-out"
_Key = tuple[str, str, str]


class Use(msgspec.Struct, frozen=True):
    """The first and the last day of a use, in days since the epoch."""

    first: int
    last: int


USES: Kind[Use] = Kind(b"|", Use)
"""By member, container, permission; under the empty member, what holds of the whole record."""


class Uses:
    """Notes uses; `flush` writes them."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._seen: set[_Key] = set()
        self._pending: dict[_Key, int] = {}
        self._until = 0

    def note(self, member: str, permission: str, resource: Resource, time: Micros) -> None:
        """Note that a permission was used; cheap where that is known of the day already."""
        key = (member, resource.project or container_of(resource), permission)
        if key in self._seen and time < self._until:
            return
        if time >= self._until:
            self._seen.clear()
            self._until = (time // DAY + 1) * DAY
        if len(self._seen) >= USES_OF_A_DAY_MAX:
            key = (_OF_RECORD, _OF_RECORD, _LEFT_OUT)
        self._seen.add(key)
        self._pending[key] = time // DAY

    async def flush(self, now: Micros) -> None:
        """Write what was noted; what cannot be written now is kept for the next time."""
        pending, self._pending = self._pending, {}
        today = now // DAY
        pending.setdefault((_OF_RECORD, _OF_RECORD, _BEGAN), today)
        rest = list(pending.items())
        try:
            while rest:
                await self._write(rest[:WRITTEN_AT_ONCE])
                rest = rest[WRITTEN_AT_ONCE:]
        except Conflict:
            return
        finally:
            for key, day in rest:
                self._pending.setdefault(key, day)

    async def _write(self, some: list[tuple[_Key, int]]) -> None:
        tx = self._sealed.transaction()
        for key, day in some:
            old = await tx.get(USES, *key)
            if old is None or old.last < day:
                tx.put(USES, *key, value=Use(old.first if old else day, day))
        if tx.writes:
            await tx.commit()

    async def forget(self, now: Micros) -> None:
        """Remove uses that are older than anybody asks about."""
        tx, count = self._sealed.transaction(), 0
        async for one in scanned(tx, USES, USES.under()):
            if one.value.last < now // DAY - KEPT_DAYS and count < WRITTEN_AT_ONCE:
                member, container, permission = one.key[1:-1].decode().split("\x00")
                if member:
                    tx.delete(USES, member, container, permission)
                    count += 1
        if tx.writes:
            await tx.commit()

    async def covers(self, since: int) -> bool:
        """Tell whether every use from a day on is in the record."""
        tx = self._sealed.transaction()
        began = await tx.get(USES, _OF_RECORD, _OF_RECORD, _BEGAN)
        left_out = await tx.get(USES, _OF_RECORD, _OF_RECORD, _LEFT_OUT)
        return (
            began is not None
            and began.first <= since
            and (left_out is None or left_out.last < since)
        )

    async def by(self, member: str, since: int) -> dict[str, set[str]]:
        """Return the permissions that a member used from a day on, by container."""
        found: dict[str, set[str]] = {}
        tx = self._sealed.transaction()
        async for one in scanned(tx, USES, USES.under(member)):
            if one.value.last >= since:
                _, container, permission = one.key[1:-1].decode().split("\x00")
                found.setdefault(container, set()).add(permission)
        for (who, container, permission), day in self._pending.items():
            if who == member and day >= since:
                found.setdefault(container, set()).add(permission)
        return found
