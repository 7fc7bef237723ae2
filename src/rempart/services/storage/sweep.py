"""What Cloud Storage cleans up: upload sessions over a week old, and blobs that nothing holds.

Nothing that a record refers to is ever removed here: a blob goes only where no reference is
committed and no upload of this process can still be writing it.
"""

from __future__ import annotations

from rempart.core.clock import World
from rempart.core.limits import RESUMABLE_SESSION_SECONDS
from rempart.engine.seam import Blobs, Conflict
from rempart.services.storage.kinds import REFERENCE, SESSION, UploadSession
from rempart.services.storage.references import drop
from rempart.trust.custody.bodies import Bodies
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import SealedEngine

BATCH = 500


class Sweep:
    """The cleaning job of Cloud Storage."""

    def __init__(self, sealed: SealedEngine, blobs: Blobs, bodies: Bodies, world: World) -> None:
        self._sealed = sealed
        self._blobs = blobs
        self._bodies = bodies
        self._world = world

    async def run(self) -> None:
        """Clean up once."""
        await self._expired_sessions()
        await self._orphans()

    async def _expired_sessions(self) -> None:
        span = SESSION.under()
        oldest = self._world.clock() - RESUMABLE_SESSION_SECONDS * 1_000_000
        while found := await self._sealed.scan(SESSION, span, limit=BATCH):
            for one in found:
                if one.value.created < oldest:
                    await self._expire(one)
            span = span.after(found[-1].key)

    async def _expire(self, found: Found[UploadSession]) -> None:
        tx, name = self._sealed.transaction(), found.key[1:-1].decode()
        session = await tx.get(SESSION, name)
        if session is None:
            return
        for blob in session.blobs:
            await drop(tx, blob)
        tx.delete(SESSION, name)
        try:
            await tx.commit()
        except Conflict:
            return

    async def _orphans(self) -> None:
        async for blob in self._blobs.list():
            if self._bodies.inherited(blob):
                held = await self._sealed.find(REFERENCE, REFERENCE.key(blob))
                if held is None:
                    await self._bodies.delete((blob,))
