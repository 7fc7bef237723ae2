"""The recommender's background work: writes down uses, and each day what is granted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from msgspec.structs import replace

from rempart.core.clock import World
from rempart.core.policy import Binding
from rempart.engine.seam import Conflict
from rempart.services.answers.held import Held
from rempart.services.answers.places import HELD_MAX, Places
from rempart.services.recommender.kinds import GIVEN, GivenRole, id_of
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import ORGANIZATIONS, container_of
from rempart.trust.policy.uses import DAY, Uses

ONE = ("user:", "serviceAccount:", "principal:")
_BATCH = 500


class RecordUses:
    """The job that writes down uses, and once a day looks through all grants."""

    def __init__(self, sealed: SealedEngine, uses: Uses, places: Places, world: World) -> None:
        self._sealed = sealed
        self._uses = uses
        self._places = places
        self._world = world
        self._looked = 0

    async def run(self) -> None:
        """Write what was noted; look at grants where today that was not done yet."""
        now = self._world.clock()
        await self._uses.flush(now)
        if now // DAY != self._looked:
            await self._look(now // DAY)
            await self._uses.forget(now)
            self._looked = now // DAY

    async def _look(self, today: int) -> None:
        """Bring up to date since when each grant is there, and forget those that are gone."""
        tx, seen, count = self._sealed.transaction(), list[tuple[str, GivenRole]](), 0
        async for top in scanned(tx, ORGANIZATIONS, ORGANIZATIONS.under()):
            async for held in self._places.under(f"organizations/{top.id}", tx):
                count += 1
                if count > HELD_MAX:
                    break
                for binding in held.policy.bindings:
                    seen += list(_given(held, binding, today))
                if len(seen) >= _BATCH:
                    await self._keep(seen, today)
                    seen.clear()
        await self._keep(seen, today)
        await self._drop(today)

    async def _keep(self, seen: list[tuple[str, GivenRole]], today: int) -> None:
        tx = self._sealed.transaction()
        for container, given in seen:
            id_ = id_of(given.resource, given.role, given.member, given.condition)
            old = await tx.get(GIVEN, container, id_)
            if old is None:
                tx.put(GIVEN, container, id_, value=given)
            elif old.seen < today:
                tx.put(GIVEN, container, id_, value=replace(old, seen=today))
        await self._commit(tx)

    async def _drop(self, today: int) -> None:
        tx = self._sealed.transaction()
        async for one in scanned(tx, GIVEN, GIVEN.under()):
            if one.value.seen < today:
                container, id_ = one.key[1:-1].decode().split("\x00")
                tx.delete(GIVEN, container, id_)
        await self._commit(tx)

    async def _commit(self, tx: Transaction) -> None:
        """Commit; where somebody marked a recommendation meanwhile, the next day's look does it."""
        if tx.writes:
            with contextlib.suppress(Conflict):
                await tx.commit()


def _given(held: Held, binding: Binding, today: int) -> Iterable[tuple[str, GivenRole]]:
    condition = binding.condition.expression if binding.condition else ""
    for member in binding.members:
        if member.startswith(ONE):
            yield (
                container_of(held.resource),
                GivenRole(
                    resource=held.full,
                    type=held.name.type,
                    role=binding.role,
                    member=member,
                    condition=condition,
                    first=today,
                    seen=today,
                ),
            )
