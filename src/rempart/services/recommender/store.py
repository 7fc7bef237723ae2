"""Recommendations as one session sees them."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import World
from rempart.core.errors import not_found
from rempart.core.grant import Grant
from rempart.services.recommender.kinds import GIVEN, GivenRole
from rempart.services.recommender.unused import Recommendation, Unused
from rempart.trust.custody.transaction import Transaction
from rempart.trust.session import Session


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    unused: Unused
    world: World


class RecommenderStore:
    """The recommendations of a container."""

    __slots__ = ("_look", "session", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.session = session
        self.tx: Transaction = session.tx
        self._look = setup.unused.look(session.tx, setup.world.clock())

    async def listed(
        self, grant: Grant, container: str, after: bytes, size: int
    ) -> tuple[list[Recommendation], bytes]:
        """Return a page of a container's recommendations, and the key after which more come."""
        found = list[Recommendation]()
        async for one in self._look.under(container, after):
            if len(found) == size:
                return found, found[-1].key
            found.append(one)
        return found, b""

    async def find(self, grant: Grant, container: str, id_: str) -> Recommendation:
        """Return a recommendation; raises `not_found`."""
        made = await self._look.find(container, id_)
        if made is None:
            raise not_found(f"Recommendation {id_} not found.")
        return made

    def put(self, grant: Grant, container: str, id_: str, given: GivenRole) -> None:
        """Store what became of a recommendation."""
        self.tx.put(GIVEN, container, id_, value=given)
