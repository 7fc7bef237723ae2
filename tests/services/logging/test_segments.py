"""Segments: what is written is found again, joined or not, and goes when it is old."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code
from rempart.engine.seam import Key
from rempart.services.logging import search as searching
from rempart.services.logging import segments
from rempart.services.logging.kinds import BODIES, BUCKET, COLUMNS, SEGMENT, Bucket, State
from rempart.services.logging.model.config import DELETED_DAYS
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.segment import INLINE_ENTRIES_MAX, build
from rempart.services.logging.query.moments import MICROS, nanos, written
from rempart.services.logging.query.parser import parse
from rempart.services.logging.query.tree import Everything
from rempart.services.logging.search import ANSWER_BYTES_MAX, Query, Source, search
from rempart.services.logging.work import SMALL_SEGMENTS_MAX, Housekeeping
from rempart.trust.custody.sealed import SealedEngine
from support.memory_engine import MemoryEngine

NAME = BucketName("projects/lab:demo", "global", "_Default")
NOW = 1_790_000_000_000_000
DAY = 86_400_000_000


@dataclass
class Shelf:
    """A log bucket in an engine in memory, and its time."""

    now: int = NOW
    sealed: SealedEngine = field(init=False)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        counter = iter(range(1 << 40))
        self.world = World(lambda: Micros(self.now), lambda n: next(counter).to_bytes(n, "big"))
        self.sealed = SealedEngine(MemoryEngine(), key=bytes(32), random=self.world.random)

    async def put(self, *entries: Entry) -> None:
        tx = self.sealed.transaction()
        segments.put(tx, NAME, entries, Micros(self.now), self.world.random)
        await tx.commit()

    async def count(self) -> int:
        return len(await self.sealed.scan(SEGMENT, SEGMENT.under(), limit=1000))

    async def all(self, filter_: str = "", **query: Any) -> list[Entry]:
        asked = Query(parse(filter_), **{"newest_first": False, "size": 1000, **query})
        return (await search(self.sealed, [Source(NAME, Everything())], asked))[0]

    async def keep(self) -> None:
        await Housekeeping(self.sealed, self.world).run()


def entry(at: int, text: str = "", insert_id: str = "", received: int = NOW) -> Entry:
    time = at * 1_000_000_000
    return Entry(
        time,
        {
            "logName": f"projects/lab:demo/logs/l{at % 3}",
            "timestamp": written(time),
            "receiveTimestamp": written(received * MICROS),
            "severity": "ERROR" if at % 2 else "INFO",
            "insertId": insert_id or f"i{at}",
            "textPayload": text or f"text {at}",
            "jsonPayload": {"n": at, "list": [at, {"x": None}], "empty": {}},
        },
    )


async def test_a_large_segment_gives_its_entries_back_as_they_were() -> None:
    shelf = Shelf()
    entries = [entry(at) for at in range(500)]
    await shelf.put(*reversed(entries))
    assert await shelf.all() == entries
    assert await shelf.all("jsonPayload.n=321") == [entries[321]]
    assert await shelf.all("jsonPayload.list.x=NULL_VALUE severity=ERROR") == entries[1::2]


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab")), max_size=150), st.data())
@settings(max_examples=30, deadline=None)
async def test_a_search_is_what_it_would_be_over_a_plain_list(
    written_: list[tuple[int, str]], data: st.DataObject
) -> None:
    shelf = Shelf()
    entries = [entry(at, insert_id=id_) for at, id_ in written_]
    while entries[:]:
        cut = data.draw(st.integers(1, len(entries)))
        await shelf.put(*entries[:cut])
        del entries[:cut]
    if data.draw(st.booleans()):
        await shelf.keep()
    newest_first = data.draw(st.booleans())
    every = {entry(at, insert_id=id_).key for at, id_ in written_}
    wanted = sorted((key for key in every if key[0] % 2_000_000_000), reverse=newest_first)
    seen: list[tuple[int, str, str]] = []
    after, more = None, True
    while more:
        asked = Query(parse("severity=ERROR"), newest_first=newest_first, size=7, after=after)
        found, more = await search(shelf.sealed, [Source(NAME, Everything())], asked)
        seen += [one.key for one in found]
        after = seen[-1] if seen else None
    assert seen == wanted


async def test_small_segments_are_joined_and_nothing_is_lost_or_repeated() -> None:
    shelf = Shelf()
    for at in range(SMALL_SEGMENTS_MAX + 2):
        await shelf.put(entry(at), entry(0))
    before = await shelf.all()
    await shelf.keep()
    assert await shelf.count() == 1
    assert await shelf.all() == before
    assert len(before) == SMALL_SEGMENTS_MAX + 2
    assert len(before) > INLINE_ENTRIES_MAX


async def test_what_is_older_than_its_bucket_keeps_goes() -> None:
    shelf = Shelf()
    await shelf.put(entry(1, received=NOW - 31 * DAY))
    await shelf.put(entry(2, received=NOW - 29 * DAY))
    await shelf.keep()
    assert [one.document["textPayload"] for one in await shelf.all()] == ["text 2"]


async def test_a_deleted_bucket_waits_for_a_week_and_goes_with_its_entries() -> None:
    shelf = Shelf()
    await shelf.put(entry(1))
    tx = shelf.sealed.transaction()
    gone = Bucket(retention_days=30, state=State.DELETE_REQUESTED, updated=Micros(NOW))
    tx.put(BUCKET, NAME.container, NAME.location, NAME.id, value=gone)
    await tx.commit()
    shelf.now += DELETED_DAYS * DAY - 1
    await shelf.keep()
    assert await shelf.count() == 1
    shelf.now += 1
    await shelf.keep()
    assert await shelf.count() == 0
    assert await shelf.sealed.scan(BUCKET, BUCKET.under(), limit=1) == []


async def test_lost_columns_are_made_good_and_lost_entries_are_told() -> None:
    shelf = Shelf()
    entries = [entry(at) for at in range(100)]
    await shelf.put(*entries)
    [found] = await shelf.sealed.scan(SEGMENT, SEGMENT.under(), limit=2)
    tx = shelf.sealed.transaction()
    tx.delete(COLUMNS, found.key[1:])
    await tx.commit()
    assert await shelf.all("jsonPayload.n=3") == [entries[3]]
    tx = shelf.sealed.transaction()
    tx.delete(BODIES, Key(found.key[1:]))
    await tx.commit()
    with pytest.raises(CloudError) as lost:
        await shelf.all("jsonPayload.n=3")
    assert lost.value.code is Code.DATA_LOSS


async def test_a_page_holds_no_more_than_a_client_takes() -> None:
    shelf = Shelf()
    entries = [entry(at, "x" * 200_000) for at in range(20)]
    await shelf.put(*entries)
    found = await shelf.all()
    assert len(found) == ANSWER_BYTES_MAX // 200_500
    last = found[-1].key
    assert (await shelf.all(after=last))[0] == entries[len(found)]


def test_a_segment_knows_what_it_spans() -> None:
    segment = build([entry(5), entry(2, received=NOW + 7)]).segment
    assert (segment.count, segment.first, segment.last) == (2, 2 * 10**9, 5 * 10**9)
    assert segment.received == NOW + 7
    assert segment.severities == ["ERROR", "INFO"]
    assert nanos(written(segment.last)) == segment.last


async def test_a_search_goes_on_while_segments_are_joined_under_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    each, hits = INLINE_ENTRIES_MAX + 1, searching._hits
    for at in range(SMALL_SEGMENTS_MAX + 2):
        await shelf.put(*(entry(at * each + one) for one in range(each)))

    async def joined_first(*given: Any) -> Any:
        if await shelf.count() > SMALL_SEGMENTS_MAX:
            await shelf.keep()
        return await hits(*given)

    monkeypatch.setattr(searching, "_hits", joined_first)
    found = await shelf.all("jsonPayload.n>=0")
    assert [one.time for one in found] == [at * 1_000_000_000 for at in range(1000)]
    assert await shelf.count() < SMALL_SEGMENTS_MAX


async def test_what_came_on_different_days_stays_apart_so_that_each_goes_in_its_time() -> None:
    shelf = Shelf(now=NOW + 3 * DAY)
    for at in range(6):
        await shelf.put(entry(at, received=NOW + at % 3 * DAY))
    await shelf.keep()
    assert await shelf.count() == 3, "of a day that is over few are joined too"
    shelf.now = NOW + 31 * DAY
    await shelf.keep()
    assert [one.document["textPayload"] for one in await shelf.all()] == [
        f"text {at}" for at in (1, 2, 4, 5)
    ]
