"""What the distributed engine refuses, and how it meets a server that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from engine.stores import PostgresStore, Server
from rempart.engine.distributed import PostgresEngine, UnfitServer
from rempart.engine.distributed.session import meaning
from rempart.engine.embedded import FileBlobs
from rempart.engine.seam import (
    GENESIS,
    Append,
    Batch,
    Conflict,
    Expect,
    Key,
    OutOfSpace,
    Unavailable,
    chain,
)

A = Key(b"a")


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[FileBlobs]:
    made = FileBlobs.at(tmp_path / "blobs", pytest.fail)
    yield made
    await made.close()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_does_not_sync_is_refused(
    postgres: Server, blobs: FileBlobs, setting: str
) -> None:
    await asyncio.to_thread(postgres.control, "stop")
    await asyncio.to_thread(postgres.start, f"-c {setting}=off")
    try:
        with pytest.raises(UnfitServer, match=setting):
            await PostgresEngine.open(postgres.dsn(), blobs)
    finally:
        await asyncio.to_thread(postgres.control, "stop")
        await asyncio.to_thread(postgres.start)


async def test_a_standby_is_never_read(postgres: Server, blobs: FileBlobs) -> None:
    await asyncio.to_thread(postgres.control, "stop")
    signal = postgres.directory / "data" / "standby.signal"
    signal.touch()
    try:
        await asyncio.to_thread(postgres.start)
        with pytest.raises(Unavailable, match="standby"):
            await PostgresEngine.open(postgres.dsn(), blobs)
    finally:
        await asyncio.to_thread(postgres.control, "stop")
        signal.unlink()
        await asyncio.to_thread(postgres.start)


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path, blobs: FileBlobs) -> None:
    with pytest.raises(Unavailable):
        await PostgresEngine.open(f"host={tmp_path} user=postgres", blobs)


async def test_a_crash_of_the_server_loses_nothing_and_is_got_over(
    postgres: Server, tmp_path: Path
) -> None:
    store = PostgresStore(postgres.create(), tmp_path)
    engine = await store.open()
    acknowledged: list[int] = []

    async def write(first: int) -> None:
        for number in range(first, first + 100_000):
            key = Key(b"%d" % number)
            batch = Batch(puts=((key, b""),), appends=(Append("f", b"%d" % number),))
            await engine.records.commit(batch)
            acknowledged.append(number)

    writers = [asyncio.create_task(write(1_000_000 * n)) for n in range(8)]
    await asyncio.sleep(0.3)
    await asyncio.to_thread(postgres.control, "stop", "-m", "immediate")
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    with pytest.raises(Unavailable):
        await engine.records.commit(Batch(puts=((A, b""),)))
    await asyncio.to_thread(postgres.start)
    committed = await engine.records.commit(Batch(appends=(Append("f", b"after"),)))
    assert acknowledged
    for number in acknowledged:
        assert await engine.records.get(Key(b"%d" % number)) is not None
    value, start = GENESIS, 0
    while entries := await engine.feeds.read("f", start, limit=1000):
        for entry in entries:
            value = chain(value, entry.entry)
            assert entry.chain == value
        start += len(entries)
    assert (start, value) == (committed.positions[0].index + 1, committed.positions[0].chain)
    await store.close()


async def test_two_processes_take_turns(postgres: Server, tmp_path: Path) -> None:
    dsn = postgres.create()
    stores = [PostgresStore(dsn, tmp_path / name) for name in ("one", "two")]
    for store in stores:
        store.directory.mkdir()
    engines = [await store.open() for store in stores]
    versions: list[int] = []

    async def increment(number: int) -> None:
        engine = engines[number % 2]
        while True:
            record = await engine.records.get(A)
            count, version = (int(record.value), record.version) if record else (0, 0)
            batch = Batch(
                expects=(Expect(A, version),),
                puts=((A, b"%d" % (count + 1)),),
                appends=(Append("f", b""),),
            )
            try:
                versions.append((await engine.records.commit(batch)).version)
            except Conflict:
                continue
            return

    await asyncio.gather(*(increment(number) for number in range(30)))
    record = await engines[0].records.get(A)
    assert record is not None
    assert record.value == b"30"
    assert sorted(versions) == list(range(1, 31))
    assert (await engines[1].feeds.head("f"))[0] == 30
    for store in stores:
        await store.close()


def test_a_full_disk_of_the_server_is_told_apart() -> None:
    assert isinstance(meaning(psycopg.errors.DiskFull()), OutOfSpace)
    assert isinstance(meaning(psycopg.OperationalError()), Unavailable)
