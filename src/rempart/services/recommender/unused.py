"""Which grants are old enough to tell, and were not used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from rempart.core.clock import Micros
from rempart.engine.seam import Key
from rempart.services.answers.places import MANAGER, Places
from rempart.services.recommender.kinds import GIVEN, GivenRole
from rempart.trust.custody.sealed import scanned
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.uses import DAY, Uses

OBSERVED_DAYS = 90
"""How long a grant must have been there, unused: Google's default."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A grant that nobody uses: its id, where it is kept, how many permissions it carries."""

    id: str
    key: Key
    given: GivenRole
    permissions: int


@dataclass(frozen=True, slots=True)
class Unused:
    """Finds grants that nobody uses."""

    decision: PolicyDecision
    places: Places
    uses: Uses

    def look(self, tx: Transaction, now: Micros) -> Look:
        """Return what finds them in one transaction, at a time."""
        return Look(self, tx, now // DAY - OBSERVED_DAYS)


class Look:
    """One look: what was read for one grant serves for the next."""

    __slots__ = ("_lying", "_of", "_used", "since", "tx")

    def __init__(self, of: Unused, tx: Transaction, since: int) -> None:
        self._of = of
        self.tx = tx
        self.since = since
        self._used: dict[str, dict[str, set[str]]] = {}
        self._lying: dict[str, tuple[str, ...]] = {}

    async def sure(self) -> bool:
        """Tell whether the record of uses covers the whole observation."""
        return await self._of.uses.covers(self.since)

    async def under(self, container: str, after: bytes = b"") -> AsyncIterator[Recommendation]:
        """Iterate over those of a level of the hierarchy, after a key; none while in doubt."""
        if not await self.sure():
            return
        span = GIVEN.under(container)
        span = span.after(after)
        async for one in scanned(self.tx, GIVEN, span):
            made = await self._made(container, one.key, one.value)
            if made is not None:
                yield made

    async def find(self, container: str, id_: str) -> Recommendation | None:
        """Return the one of an id."""
        given = await self.tx.get(GIVEN, container, id_)
        if given is None or not await self.sure():
            return None
        return await self._made(container, GIVEN.key(container, id_), given)

    async def _made(self, container: str, key: Key, given: GivenRole) -> Recommendation | None:
        if given.first > self.since:
            return None
        located = await self._of.places.find(given.resource, self.tx)
        if located is None:
            return None
        lineage = await self._of.decision.lineage(located.resource)
        carried = await self._of.decision.carried(given.role, lineage.names if lineage else ())
        used = await self._used_under(given.member, container)
        if not carried or not carried.isdisjoint(used):
            return None
        return Recommendation(key[-33:-1].decode(), key, given, len(carried))

    async def _used_under(self, member: str, container: str) -> set[str]:
        """Return the permissions that a member used in a container or below it."""
        if member not in self._used:
            self._used[member] = await self._of.uses.by(member, self.since)
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
            located = await self._of.places.find(f"//{MANAGER}/{name}", self.tx)
            lineage = await self._of.decision.lineage(located.resource) if located else None
            self._lying[name] = lineage.names if lineage else (name,)
        return self._lying[name]
