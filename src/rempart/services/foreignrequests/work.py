"""What falls due in the register: customers are told of an order whose silence is over."""

from __future__ import annotations

from rempart.core.clock import World
from rempart.engine.seam import Conflict, Key, Span
from rempart.services.foreignrequests.kinds import DUE, ORDER
from rempart.services.foreignrequests.sealing import tell
from rempart.trust.custody.sealed import SealedEngine

BATCH = 100
_NUMBER_BYTES = 8


class DueOrders:
    """The job that opens entries of orders to those whom they are about, nobody being asked."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world

    async def run(self) -> None:
        """Tell what fell due since the last run."""
        due = Span(DUE.key(), Key(DUE.key(self._world.clock() + 1)))
        for found in await self._sealed.scan(DUE, due, limit=BATCH):
            await self._tell(found.key[1 + _NUMBER_BYTES : -1].decode())

    async def _tell(self, id_: str) -> None:
        tx = self._sealed.transaction()
        order = await tx.get(ORDER, id_)
        if order is None or order.due > self._world.clock():
            return
        await tell(tx, id_, order, self._world.clock())
        try:
            await tx.commit()
        except Conflict:
            return  # It was told, or its silence prolonged, meanwhile: the next run sees.
