"""The cache of records: bounded, and never behind what was acknowledged."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.stores import KEY
from rempart.engine.embedded import EmbeddedEngine
from rempart.engine.embedded.cache import RECORD_BYTES_MAX, RecordCache
from rempart.engine.seam import Batch, Key, Record

A = Key(b"a")


def test_the_oldest_goes_when_there_is_no_room() -> None:
    cache = RecordCache(bytes_max=3 * (1 + 100 + 200))
    for name in b"abcd":
        key = Key(bytes([name]))
        cache.keep(key, Record(key, 1, bytes(100)))
    assert cache.get(A) == (False, None)
    known, record = cache.get(Key(b"d"))
    assert known
    assert record is not None
    assert record.value == bytes(100)


def test_absence_is_remembered_and_dropped() -> None:
    cache = RecordCache()
    cache.keep(A, None)
    assert cache.get(A) == (True, None)
    cache.drop((A, Key(b"unknown")))
    assert cache.get(A) == (False, None)


def test_a_large_record_is_not_kept() -> None:
    cache = RecordCache()
    cache.keep(A, Record(A, 1, bytes(RECORD_BYTES_MAX)))
    assert cache.get(A) == (False, None)


async def test_a_reader_never_sees_less_than_was_acknowledged(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, KEY)
    acknowledged = 0
    over = asyncio.Event()

    async def read() -> None:
        seen = 0
        while not over.is_set():
            floor = acknowledged
            record = await engine.records.get(A)
            value = int(record.value) if record else 0
            assert value >= max(floor, seen)
            seen = value
            await asyncio.sleep(0)

    readers = [asyncio.create_task(read()) for _ in range(4)]
    for number in range(1, 400):
        await engine.records.commit(Batch(puts=((A, b"%d" % number),)))
        acknowledged = number
    over.set()
    await asyncio.gather(*readers)
    await engine.records.commit(Batch(deletes=(A,)))
    assert await engine.records.get(A) is None
    await engine.close()
