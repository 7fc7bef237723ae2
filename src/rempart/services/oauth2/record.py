"""Entries in the log for what leaves beside the gate: tokens that were given, and refusals.

A token is on record before it is released.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rempart.core.call import Call
from rempart.core.clock import World
from rempart.core.log_type import LogType
from rempart.core.principal import ALL_USERS
from rempart.trust.witness.leaf import OUTCOME, REFUSAL, Leaf, agent_of, encode
from rempart.trust.witness.recorder import Recorder

FACT_CHARS_MAX = 300
_OK = 200
_SERVICE = "sts"
_ACCESS = LogType.DATA_READ.value


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

    def __init__(self, recorder: Recorder, world: World) -> None:
        self._recorder = recorder
        self._world = world

    def entry(self, call: Call, event: Event) -> bytes:
        """Return the entry of an event, to be appended to the feed."""
        return encode(self._leaf(OUTCOME, call, event))

    async def put(self, call: Call, event: Event) -> None:
        """Let an event be on record; durable on return."""
        await self._recorder.put(self._leaf(OUTCOME, call, event))

    async def refused(self, call: Call, event: Event) -> None:
        """Let a refusal be on record, by itself or counted."""
        await self._recorder.refused(self._leaf(REFUSAL, call, event))

    def _leaf(self, kind: str, call: Call, event: Event) -> Leaf:
        return Leaf(
            kind=kind,
            time=self._world.clock(),
            request=call.request_id,
            method=event.method,
            principal=event.principal,
            resource=event.resource[:FACT_CHARS_MAX],
            remote=call.remote,
            status=event.status,
            facts={name: value[:FACT_CHARS_MAX] for name, value in event.facts.items() if value},
            service=_SERVICE,
            access=_ACCESS,
            agent=agent_of(call),
        )
