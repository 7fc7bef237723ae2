"""Removes sessions that ended a day ago; until then their records answer questions."""

from __future__ import annotations

from rempart.core.clock import World
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.workforce.documents import SECOND, SESSIONS

KEPT_SECONDS = 24 * 3600
_PAGE = 200


class EndedSessions:
    """A job for the background."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world

    async def run(self) -> None:
        """Remove what ended long enough ago."""
        before = self._world.clock() - KEPT_SECONDS * SECOND
        span = SESSIONS.under()
        while page := await self._sealed.scan(SESSIONS, span, limit=_PAGE):
            ended = [found.key for found in page if found.value.ends <= before]
            if ended:
                tx = self._sealed.transaction()
                for key in ended:
                    tx.delete(SESSIONS, key[len(SESSIONS.tag) :])
                await tx.commit()
            span = span.after(page[-1].key)
