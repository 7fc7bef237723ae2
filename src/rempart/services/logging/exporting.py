"""The job that delivers what waits for sinks: to Cloud Storage, syslog, and log buckets.

What is delivered goes; what is not waits and is tried again, later each time. An object has the
same name at every try, so none is there twice; a syslog server may be told twice, after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError
from rempart.engine.seam import OutOfSpace
from rempart.services.logging import outbox, segments
from rempart.services.logging.collectors import Server, Undelivered, send
from rempart.services.logging.kinds import ROUTING, Sink, Waiting
from rempart.services.logging.model.destination import (
    Collector,
    Objects,
    Outbox,
    check_collector,
    destination,
)
from rempart.services.logging.model.failures import failure
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.objects import object_content, object_name
from rempart.services.logging.model.routing import DEFAULT, GLOBAL, Route
from rempart.services.logging.router import Router
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import SealedEngine

BATCH_MICROS = 300_000_000
"""So long entries wait for others that go into the same object."""

PAUSE_MICROS, PAUSE_MICROS_MAX = 5_000_000, 300_000_000
_log = logging.getLogger(__name__)

PutObject = Callable[[str, str, str, bytes], Awaitable[None]]
"""Writes an object unless it is there: whom as (a member), the bucket, the name, the content."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How entries leave: to log buckets, through the gate, and to servers that some may send to."""

    router: Router
    put: PutObject
    servers: Mapping[str, Server]
    collectors: Mapping[str, tuple[str, ...]]
    host: str


@dataclass(slots=True)
class _Pause:
    """Until when a sink that failed is left alone, and for how long the next time."""

    until: Micros
    next: int = PAUSE_MICROS


class Exports:
    """Empties the outboxes; those of different sinks do not wait for each other."""

    def __init__(self, sealed: SealedEngine, ways: Ways, world: World) -> None:
        self._sealed = sealed
        self._ways = ways
        self._world = world
        self._pauses: dict[Outbox, _Pause] = {}

    async def run(self) -> None:
        """Deliver what waits."""
        places = [place async for place in outbox.filled(self._sealed)]
        await asyncio.gather(*map(self._empty, places))

    async def _empty(self, place: Outbox) -> None:
        pause = self._pauses.get(place)
        if pause is not None and self._world.clock() < pause.until:
            return
        sink = await self._sink(place)
        try:
            while waiting := await outbox.head(self._sealed, place):
                if not await self._deliver(place, sink, waiting):
                    break
        except (Undelivered, CloudError, OutOfSpace) as problem:
            await self._failed(place, sink, str(problem))
        else:
            self._pauses.pop(place, None)

    async def _sink(self, place: Outbox) -> Sink | None:
        found = await self._sealed.find(ROUTING, ROUTING.key(place.container))
        return found.value.sinks.get(place.sink) if found else None

    async def _deliver(
        self, place: Outbox, sink: Sink | None, waiting: list[Found[Waiting]]
    ) -> bool:
        """Deliver some of what waits; tell whether there may be more that is due."""
        if sink is None:
            await outbox.drop(self._sealed, waiting)
            return True
        target = destination(sink.destination)
        if isinstance(target, BucketName):
            return await self._keep(Route(place.container, sink), target, waiting)
        if isinstance(target, Collector):
            return await self._tell(place, target, waiting)
        return await self._store(place, sink, target, waiting)

    async def _keep(self, route: Route, target: BucketName, waiting: list[Found[Waiting]]) -> bool:
        if not await self._ways.router.open(route, target):
            raise Undelivered(
                f"{target} is not there, or {route.sink.writer or 'its container'} may not write."
            )
        entries = [entry for one in waiting for entry in outbox.entries_of(one.value)]
        await outbox.move(self._sealed, waiting, {target: entries}, self._world)
        return True

    async def _tell(self, place: Outbox, target: Collector, waiting: list[Found[Waiting]]) -> bool:
        check_collector(target, place.container, self._ways.collectors)
        entries = [entry for one in waiting for entry in outbox.entries_of(one.value)]
        await send(self._ways.servers[target.name], entries, self._ways.host)
        await outbox.drop(self._sealed, waiting)
        return True

    async def _store(
        self, place: Outbox, sink: Sink, target: Objects, waiting: list[Found[Waiting]]
    ) -> bool:
        ready = [one for one in waiting if one.value.log]
        for one in ready:
            entries = outbox.entries_of(one.value)
            name = object_name(one.value.log, entries, outbox.salt(one))
            await self._ways.put(sink.writer, target.bucket, name, object_content(entries))
            await outbox.drop(self._sealed, [one])
        if ready:
            return True
        age = self._world.clock() - outbox.written_at(waiting[0])
        if age < BATCH_MICROS and sum(one.value.size for one in waiting) < outbox.BATCH_BYTES // 2:
            return False
        await outbox.batch(self._sealed, place, waiting, self._world.random)
        return True

    async def _failed(self, place: Outbox, sink: Sink | None, said: str) -> None:
        """Leave a sink alone for a while; the first time, tell those who read its logs."""
        now, pause = self._world.clock(), self._pauses.get(place)
        if pause is None:
            pause = self._pauses[place] = _Pause(now)
            _log.warning("sink %s of %s fails: %s", place.sink, place.container, said)
            if sink is not None:
                with contextlib.suppress(OutOfSpace):
                    await self._note(place, sink, said)
        pause.until = Micros(now + pause.next)
        pause.next = min(2 * pause.next, PAUSE_MICROS_MAX)

    async def _note(self, place: Outbox, sink: Sink, said: str) -> None:
        now, random = self._world.clock(), self._world.random
        entry = failure(place, sink.destination, said, now, random(8).hex())
        tx = self._sealed.transaction()
        segments.put(tx, BucketName(place.container, GLOBAL, DEFAULT), [entry], now, random)
        await tx.commit()
