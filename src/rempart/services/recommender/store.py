"""Recommendations as one session sees them: grants that are old enough, and were not used."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import Micros, World
from rempart.core.errors import not_found
from rempart.core.grant import Grant
from rempart.engine.seam import Key, Span
from rempart.services.answers.places import MANAGER, Places
from rempart.services.recommender.kinds import GIVEN, GivenRole
from rempart.trust.custody.sealed import Transaction, scanned
from rempart.trust.gate import Session
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.uses import DAY, Uses

OBSERVED_DAYS = 90
"""How long a grant must have been there, unused: Google's default."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    decision: PolicyDecision
    places: Places
    uses: Uses
    world: World


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A grant that nobody uses: its id, and how many permissions it carries."""

    id: str
    given: GivenRole
    permissions: int


class RecommenderStore:
    """The recommendations of a container."""

    __slots__ = ("_lying", "_used", "session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx: Transaction = session.tx
        self._used: dict[str, dict[str, set[str]]] = {}
        self._lying: dict[str, tuple[str, ...]] = {}

    @property
    def now(self) -> Micros:
        """Return the time of this session."""
        return self.setup.world.clock()

    @property
    def since(self) -> int:
        """Return the first day of the observation."""
        return self.now // DAY - OBSERVED_DAYS

    async def listed(
        self, grant: Grant, container: str, after: bytes, size: int
    ) -> tuple[list[Recommendation], bytes]:
        """Return a page of a container's recommendations, and the key after which more come."""
        found, last = list[Recommendation](), after
        if not await self.setup.uses.covers(self.since):
            return [], b""
        span = GIVEN.under(container)
        span = Span(Key(max(span.start, after + b"\x00")), span.end)
        async for one in scanned(self.tx, GIVEN, span):
            if len(found) == size:
                return found, last
            last = one.key
            made = await self._made(container, one.id, one.value)
            if made is not None:
                found.append(made)
        return found, b""

    async def find(self, grant: Grant, container: str, id_: str) -> Recommendation:
        """Return a recommendation; raises `not_found`."""
        given = await self.tx.get(GIVEN, container, id_)
        covered = await self.setup.uses.covers(self.since)
        made = await self._made(container, id_, given) if given and covered else None
        if made is None:
            raise not_found(f"Recommendation {id_} not found.")
        return made

    def put(self, grant: Grant, container: str, id_: str, given: GivenRole) -> None:
        """Store what became of a recommendation."""
        self.tx.put(GIVEN, container, id_, value=given)

    async def _made(self, container: str, id_: str, given: GivenRole) -> Recommendation | None:
        """Return the recommendation about a grant, None where there is none to make."""
        if given.first > self.since:
            return None
        located = await self.setup.places.find(given.resource, self.tx)
        if located is None:
            return None
        lineage = await self.setup.decision.lineage(located.resource)
        names = lineage.names if lineage else ()
        carried = await self.setup.decision.carried(given.role, names)
        used = await self._used_under(given.member, container)
        if not carried or not carried.isdisjoint(used):
            return None
        return Recommendation(id_, given, len(carried))

    async def _used_under(self, member: str, container: str) -> set[str]:
        """Return the permissions that a member used in a container or below it."""
        if member not in self._used:
            self._used[member] = await self.setup.uses.by(member, self.since)
        return {
            permission
            for place, permissions in self._used[member].items()
            if container in await self._over(place)
            for permission in permissions
        }

    async def _over(self, place: str) -> tuple[str, ...]:
        """Return the levels of the hierarchy that a place of use is, or lies in."""
        name = place if "/" in place else f"projects/{place}"
        if name not in self._lying:
            located = await self.setup.places.find(f"//{MANAGER}/{name}", self.tx)
            lineage = await self.setup.decision.lineage(located.resource) if located else None
            self._lying[name] = lineage.names if lineage else (name,)
        return self._lying[name]
