"""Tokens that their bearers gave up before their time: on disk until they would have expired.

Nothing of them is held in memory but which tokens in use are known to be good, so however many
somebody gives up, nobody else is kept from giving up one. Sound because one process at a time holds
an engine.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from rempart.core.clock import Micros, World
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.tokens import digest_of

GOOD_TOKENS_MAX = 10_000
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Revoked:
    """A token that its bearer gave up."""

    digest: bytes
    expires: Micros


REVOKED: Kind[Revoked] = Kind(b"T", Revoked)
"""By SHA-256 of the token."""


class Revocations:
    """Which tokens are revoked."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._turn = 0

    async def revoked(self, digest: bytes) -> bool:
        """Tell whether a token was revoked, by its digest."""
        if digest in self._good:
            return False
        turn = self._turn
        if await self._sealed.find(REVOKED, REVOKED.key(digest)) is not None:
            return True
        if turn == self._turn:
            self._good[digest] = None
            if len(self._good) > GOOD_TOKENS_MAX:
                self._good.popitem(last=False)
        return False

    async def revoke(self, token: str, expires: Micros) -> None:
        """Refuse a token from now on, durably."""
        record = Revoked(digest_of(token), expires)
        transaction = self._sealed.transaction()
        transaction.put(REVOKED, record.digest, value=record)
        try:
            await transaction.commit()
        finally:
            # Whoever looked before the commit may have found nothing, and must not remember that.
            self._turn += 1
            self._good.pop(record.digest, None)


class ExpiredRevocations:
    """A job for the background: forgets what has expired, and is refused for that."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world

    async def run(self) -> None:
        """Remove what has expired."""
        now, span = self._world.clock(), REVOKED.under()
        while page := await self._sealed.scan(REVOKED, span, limit=_PAGE):
            expired = [found.value.digest for found in page if found.value.expires <= now]
            if expired:
                tx = self._sealed.transaction()
                for digest in expired:
                    tx.delete(REVOKED, digest)
                await tx.commit()
            span = span.after(page[-1].key)
