"""Entries in the log for what leaves beside the gate: tokens that were given, and refusals.

A token is on record before it is released. Anybody may be refused as often as he likes, so of
refusals only some are kept each second; all are in the program's log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from rempart.core.call import Call
from rempart.core.clock import Micros, World
from rempart.core.principal import ALL_USERS
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode

REFUSALS_PER_SECOND_MAX = 10
FACT_CHARS_MAX = 300
_SECOND = 1_000_000
_OK = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: to whom (the anonymous where that is unknown), by what, and its facts."""

    method: str
    resource: str
    principal: str = ALL_USERS
    facts: Mapping[str, str] = field(default_factory=dict)
    status: int = _OK


class Record:
    """Writes to the log of a universe."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world
        self._second = 0
        self._kept = 0

    def entry(self, call: Call, event: Event) -> bytes:
        """Return the entry of an event, to be appended to the feed."""
        leaf = Leaf(
            kind=OUTCOME,
            time=self._world.clock(),
            request=call.request_id,
            method=event.method,
            permission="",
            principal=event.principal,
            resource=event.resource[:FACT_CHARS_MAX],
            remote=call.remote,
            status=event.status,
            facts={name: value[:FACT_CHARS_MAX] for name, value in event.facts.items() if value},
        )
        return encode(leaf)

    async def put(self, call: Call, event: Event) -> None:
        """Let an event be on record; durable on return."""
        tx = self._sealed.transaction()
        tx.append(FEED, self.entry(call, event))
        await tx.commit()

    async def refused(self, call: Call, event: Event) -> None:
        """Let a refusal be on record, if there is room."""
        entry = self.entry(call, event)
        _log.warning("request %s was refused: %s", call.request_id, entry.decode())
        if self._room(self._world.clock()):
            await self.put(call, event)

    def _room(self, now: Micros) -> bool:
        second = now // _SECOND
        if second != self._second:
            self._second, self._kept = second, 0
        self._kept += 1
        return self._kept <= REFUSALS_PER_SECOND_MAX
