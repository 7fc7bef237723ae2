"""Removes sessions that ended a day ago, and marks of assertions that have expired.

Until then a session's record answers questions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rempart.core.clock import World
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.federation.saml.used import USED
from rempart.trust.identity.workforce.documents import SECOND, SESSIONS

KEPT_SECONDS = 24 * 3600
_PAGE = 200
T = TypeVar("T")


class EndedSessions:
    """A job for the background."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world

    async def run(self) -> None:
        """Remove what ended long enough ago."""
        now = self._world.clock()
        await self._sweep(SESSIONS, lambda one: one.ends <= now - KEPT_SECONDS * SECOND)
        await self._sweep(USED, lambda one: one.until <= now)

    async def _sweep(self, kind: Kind[T], ended: Callable[[T], bool]) -> None:
        span = kind.under()
        while page := await self._sealed.scan(kind, span, limit=_PAGE):
            tx, gone = self._sealed.transaction(), [one.key for one in page if ended(one.value)]
            for key in gone:
                tx.delete(kind, key[len(kind.tag) :])
            if gone:
                await tx.commit()
            span = span.after(page[-1].key)
