"""What the stores of deny policies and of boundaries share."""

from __future__ import annotations

import uuid

from rempart.core.clock import Micros, World
from rempart.trust.policy.validate import new_etag
from rempart.trust.session import Session


class PolicyStore:
    """The transaction and the time of one session, and fresh ids."""

    __slots__ = ("_world", "session", "tx")

    def __init__(self, world: World, session: Session) -> None:
        self._world = world
        self.session = session
        self.tx = session.tx

    @property
    def now(self) -> Micros:
        """Return the time of this session's writes."""
        return self.session.call.time

    def uid(self) -> str:
        """Return a fresh id."""
        return str(uuid.UUID(bytes=self._world.random(16), version=4))

    def etag(self) -> str:
        """Return a fresh etag."""
        return new_etag(self._world.random)
