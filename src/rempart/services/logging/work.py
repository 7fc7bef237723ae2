"""Cloud Logging's background work: small segments become large ones, and what is old goes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable

from rempart.core.clock import Micros, World
from rempart.engine.seam import Conflict, OutOfSpace
from rempart.services.logging import segments
from rempart.services.logging.kinds import BUCKET, SEGMENT, Bucket, Segment, State
from rempart.services.logging.model import config
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.segment import (
    SEGMENT_BYTES_MAX,
    SEGMENT_ENTRIES_MAX,
    build,
)
from rempart.services.logging.search import entries_of
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import SealedEngine, scanned

SMALL_SEGMENTS_MAX = 64
"""So many small segments of a bucket wait on the same day before they are joined."""

DAY_MICROS = 86_400_000_000

_LARGE_ENTRIES = SEGMENT_ENTRIES_MAX // 2
_LARGE_BYTES = SEGMENT_BYTES_MAX // 2
DROPPED_AT_ONCE = 200


class Housekeeping:
    """The job that joins small segments and lets old ones go."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world

    async def run(self) -> None:
        """Look through all log buckets once."""
        with contextlib.suppress(OutOfSpace):
            for name in await self._buckets():
                await self._keep(name)

    async def _buckets(self) -> list[BucketName]:
        """Return every log bucket that has segments or a document of its own."""
        found: set[BucketName] = set()
        span = SEGMENT.under()
        while some := await self._sealed.scan(SEGMENT, span, limit=1):
            name = _bucket_of(some[0])
            found.add(name)
            above = SEGMENT.under(name.container, name.location, name.id)
            span = type(span)(above.end, span.end)
        async for one in scanned(self._sealed, BUCKET, BUCKET.under()):
            found.add(BucketName(*one.key[1:-1].decode().split("\x00")))
        return sorted(found, key=str)

    async def _keep(self, name: BucketName) -> None:
        key = BUCKET.key(name.container, name.location, name.id)
        found = await self._sealed.find(BUCKET, key)
        bucket = found.value if found else config.standing(name)
        if bucket is None or _gone(bucket, self._world):
            await self._purge(name)
            return
        old, small = list[Found[Segment]](), list[Found[Segment]]()
        since = config.keeps_since(bucket, self._world.clock())
        span = SEGMENT.under(name.container, name.location, name.id)
        async for one in scanned(self._sealed, SEGMENT, span):
            if one.value.received < since:
                old.append(one)
            elif one.value.count < _LARGE_ENTRIES and one.value.size < _LARGE_BYTES:
                small.append(one)
        await self._drop(old)
        for group in _groups(small, self._world.clock()):
            await self._join(name, group)

    async def _join(self, name: BucketName, group: list[Found[Segment]]) -> None:
        entries: list[Entry] = []
        for one in group:
            entries += await entries_of(self._sealed, one.key, one.value)
        built = await asyncio.to_thread(build, entries)
        tx, world = self._sealed.transaction(), self._world
        for one in group:
            if await tx.get(SEGMENT, one.key[1:]) is None:
                return
            segments.drop(tx, one.key)
        segments.put_built(tx, name, built, world.clock(), world.random)
        with contextlib.suppress(Conflict):
            await tx.commit()

    async def _drop(self, old: list[Found[Segment]]) -> None:
        for at in range(0, len(old), DROPPED_AT_ONCE):
            tx = self._sealed.transaction()
            for one in old[at : at + DROPPED_AT_ONCE]:
                segments.drop(tx, one.key)
            with contextlib.suppress(Conflict):
                await tx.commit()

    async def _purge(self, name: BucketName) -> None:
        """Remove a bucket for good, its entries first."""
        span = SEGMENT.under(name.container, name.location, name.id)
        await self._drop([one async for one in scanned(self._sealed, SEGMENT, span)])
        tx = self._sealed.transaction()
        bucket = await tx.get(BUCKET, name.container, name.location, name.id)
        if bucket is not None and _gone(bucket, self._world):
            tx.delete(BUCKET, name.container, name.location, name.id)
            with contextlib.suppress(Conflict):
                await tx.commit()


def _gone(bucket: Bucket, world: World) -> bool:
    return bucket.state is not State.ACTIVE and config.expires(bucket) <= world.clock()


def _bucket_of(one: Found[Segment]) -> BucketName:
    container, location, id_ = one.key[1:].split(b"\x00")[:3]
    return BucketName(container.decode(), location.decode(), id_.decode())


def _groups(small: Iterable[Found[Segment]], now: Micros) -> list[list[Found[Segment]]]:
    """Return what to join: enough for a large segment, too many small ones, or a day that is over.

    Days stay apart, so that what is joined is old at the same time.
    """
    days: defaultdict[int, list[Found[Segment]]] = defaultdict(list)
    for one in small:
        days[one.value.received // DAY_MICROS].append(one)
    groups = [
        group for day, some in days.items() for group in _of_day(some, over=day < now // DAY_MICROS)
    ]
    return [each for each in groups if len(each) > 1]


def _of_day(small: Iterable[Found[Segment]], *, over: bool) -> list[list[Found[Segment]]]:
    groups, group, count, size = list[list[Found[Segment]]](), list[Found[Segment]](), 0, 0
    for one in small:
        full = count + one.value.count > SEGMENT_ENTRIES_MAX
        if group and (full or size + one.value.size > SEGMENT_BYTES_MAX):
            groups.append(group)
            group, count, size = [], 0, 0
        group.append(one)
        count, size = count + one.value.count, size + one.value.size
    return [*groups, group] if over or len(group) > SMALL_SEGMENTS_MAX else groups
