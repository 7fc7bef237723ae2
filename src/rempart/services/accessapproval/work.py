"""What falls due in Access Approval: the end record of every approval that has run out."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.clock import World
from rempart.engine.seam import Conflict, Key, Span
from rempart.services.accessapproval.api.ending import end_facts
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.support.access import SupportAccess
from rempart.trust.policy.support.documents import (
    ENDING,
    REQUEST,
    TALLY,
    Tally,
    request_name,
)
from rempart.trust.witness.leaf import EVENT, FEED, Leaf, encode

BATCH = 100
METHOD = "accessapproval.approvalRequests.expire"
_AGENT = "system:accessapproval"
_NUMBER_BYTES = 8


class EndedApprovals:
    """The job that records the end of approvals whose time is over."""

    def __init__(self, sealed: SealedEngine, support: SupportAccess, world: World) -> None:
        self._sealed = sealed
        self._support = support
        self._world = world

    async def run(self) -> None:
        """Record what has ended since the last run."""
        due = Span(ENDING.key(), Key(ENDING.key(self._world.clock() + 1)))
        for found in await self._sealed.scan(ENDING, due, limit=BATCH):
            until = int.from_bytes(found.key[1:][:_NUMBER_BYTES], "big")
            container, id_ = found.key[1 + _NUMBER_BYTES : -1].decode().split("\x00")
            await self._end(until, container, id_)

    async def _end(self, until: int, container: str, id_: str) -> None:
        tx = self._sealed.transaction()
        request = await tx.get(REQUEST, container, id_)
        if await tx.get(ENDING, until, container, id_) is None or request is None:
            return
        name, now = request_name(container, id_), self._world.clock()
        tally = await tx.get(TALLY, container, id_) or Tally()
        tally = replace(tally, ended=until, cause="expired", cut=self._support.sending(name))
        tx.put(TALLY, container, id_, value=tally)
        tx.delete(ENDING, until, container, id_)
        leaf = Leaf(
            kind=EVENT,
            time=now,
            request="",
            method=METHOD,
            permission="",
            principal=_AGENT,
            resource=request.scope,
            remote="",
            facts=end_facts(name, tally),
            service="accessapproval",
            container=container,
            reason=request.reason,
            approval=name,
        )
        tx.append(FEED, encode(leaf))
        try:
            await tx.commit()
        except Conflict:
            return  # It was taken back meanwhile, or a last call was recorded: the next run sees.
