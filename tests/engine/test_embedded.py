"""What the embedded engine refuses, and what its files show."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import apsw
import pytest

from engine.stores import KEY
from rempart.engine.embedded import (
    AlreadyOpen,
    Cipher,
    EmbeddedEngine,
    NewerData,
    Unfit,
    WrongKey,
)
from rempart.engine.embedded import database as opening
from rempart.engine.seam import (
    Append,
    Batch,
    BlobId,
    Fenced,
    Key,
    Missing,
    PayloadId,
    Unavailable,
)

A = Key(b"a")
SECRET = b"an open secret that no file may show"


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


async def filled(directory: Path, cipher: Cipher = Cipher.AEGIS) -> EmbeddedEngine:
    engine = EmbeddedEngine.open(directory, KEY, cipher=cipher)
    await engine.records.commit(
        Batch(
            puts=((Key(SECRET + b" key"), SECRET),),
            payloads=((PayloadId(1), SECRET * 500),),
            appends=(Append(SECRET.decode(), SECRET),),
        )
    )
    await engine.leases.acquire(SECRET.decode(), SECRET.decode(), 100)
    return engine


async def test_another_engine_cannot_open_the_same_directory(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, KEY)
    with pytest.raises(AlreadyOpen):
        EmbeddedEngine.open(tmp_path, KEY)
    await engine.close()
    await EmbeddedEngine.open(tmp_path, KEY).close()


async def test_a_wrong_key_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    engine = await filled(tmp_path)
    await engine.close()
    before = (tmp_path / "engine" / "records.db").read_bytes()
    for wrong in (bytes(32), KEY[::-1], KEY[:-1], b"", KEY + b"\0"):
        with pytest.raises(WrongKey) as refusal:
            EmbeddedEngine.open(tmp_path, wrong)
        assert wrong.hex() not in str(refusal.value) or not wrong
    assert (tmp_path / "engine" / "records.db").read_bytes() == before
    await EmbeddedEngine.open(tmp_path, KEY).close()


async def test_a_wrong_key_after_a_crash_does_not_touch_the_log(tmp_path: Path) -> None:
    crashed, copy = tmp_path / "crashed", tmp_path / "copy"
    engine = await filled(crashed)
    (copy / "engine").mkdir(parents=True)
    for name in ("records.db", "records.db-wal"):
        (copy / "engine" / name).write_bytes((crashed / "engine" / name).read_bytes())
    await engine.close()
    with pytest.raises(WrongKey):
        EmbeddedEngine.open(copy, bytes(32))
    engine = EmbeddedEngine.open(copy, KEY)
    assert await engine.records.payload(PayloadId(1)) == SECRET * 500
    await engine.close()


async def test_the_data_of_a_later_release_is_refused(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, KEY)
    engine._database.writer.execute("UPDATE meta SET schema = schema + 1")
    await engine.close()
    with pytest.raises(NewerData):
        EmbeddedEngine.open(tmp_path, KEY)


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.9.9", "2.99"])
def test_a_library_that_corrupts_data_is_refused(version: str) -> None:
    with pytest.raises(Unfit):
        opening.check_library(version)


def test_a_fixed_library_is_taken() -> None:
    for version in ("3.51.3", "3.54.0", "4.0"):
        opening.check_library(version)


@pytest.mark.parametrize("cipher", list(Cipher))
async def test_no_file_shows_what_it_holds(tmp_path: Path, cipher: Cipher) -> None:
    engine = await filled(tmp_path, cipher)
    files = files_below(tmp_path)
    assert {"records.db", "records.db-wal", "records.db-shm"} <= {path.name for path in files}
    for needle in (SECRET, SECRET[:12], b"SQLite format", b"CREATE TABLE", KEY, KEY.hex().encode()):
        for path in files:
            assert needle not in path.read_bytes()
    await engine.close()
    for path in (tmp_path / "engine").glob("records.db*"):
        assert SECRET[:12] not in path.read_bytes()


async def test_a_changed_page_is_noticed(tmp_path: Path) -> None:
    engine = await filled(tmp_path)
    await engine.close()
    path = tmp_path / "engine" / "records.db"
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // opening.PAGE_BYTES):
        data[page * opening.PAGE_BYTES + 4000] ^= 1
    path.write_bytes(data)
    with pytest.raises((Unavailable, Unfit)):  # noqa: PT012 - opening or reading may notice first
        broken = EmbeddedEngine.open(tmp_path, KEY)
        try:
            await broken.records.payload(PayloadId(1))
        finally:
            broken._fence.trip("damaged")
            await broken.close()


async def test_abandoned_parts_go_at_the_next_opening(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, KEY)
    writer = await engine.blobs.create(BlobId("a" * 32))
    await writer.write(bytes(2 << 20))
    finished = await engine.blobs.create(BlobId("b" * 32))
    await finished.finish()
    await engine.close()
    engine = EmbeddedEngine.open(tmp_path, KEY)
    assert [blob async for blob in engine.blobs.list()] == ["b" * 32]
    with pytest.raises(Missing):
        await engine.blobs.open(BlobId("a" * 32))
    await engine.close()


async def test_cancelling_a_writer_or_reader_mixes_up_no_files(tmp_path: Path) -> None:
    chance = random.Random(5)
    engine = EmbeddedEngine.open(tmp_path, KEY)

    async def write(number: int) -> None:
        writer = await engine.blobs.create(BlobId(f"{number:032x}"))
        try:
            for _ in range(4):
                await writer.write(bytes([number]) * (1 << 20))
            await writer.finish()
        finally:
            await writer.abort()

    async def read(number: int) -> bytes:
        reader = await engine.blobs.open(BlobId(f"{number:032x}"))
        try:
            return await reader.read(0, 4 << 20)
        finally:
            await reader.close()

    async def some(works: list[asyncio.Task[object]]) -> None:
        await asyncio.sleep(chance.uniform(0, 0.02))
        for task in chance.sample(works, len(works) // 3):
            task.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    await some([asyncio.ensure_future(write(number)) for number in range(24)])
    names = [blob async for blob in engine.blobs.list()]
    assert names
    numbers = [int(name, 16) for name in names]
    await some([asyncio.ensure_future(read(number)) for number in numbers * 2])
    for number in numbers:
        assert await read(number) == bytes([number]) * (4 << 20)
    await engine.close()


async def test_the_log_stays_short_under_load(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, KEY)
    for start in range(0, 4000, 50):
        await asyncio.gather(
            *(
                engine.records.commit(Batch(puts=((Key(b"%d" % (n % 700)), bytes(30_000)),)))
                for n in range(start, start + 50)
            )
        )
    assert (tmp_path / "engine" / "records.db-wal").stat().st_size < 64 << 20
    await engine.close()
    assert (tmp_path / "engine" / "records.db-wal").stat().st_size == 0


async def test_commits_leave_the_event_loop_free(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, KEY)
    longest = 0.0
    over = asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not over.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    await asyncio.gather(
        *(engine.records.commit(Batch(puts=((Key(b"%d" % n), bytes(900)),))) for n in range(2000))
    )
    over.set()
    await watching
    # A group of 256 small commits takes a few milliseconds; the rest is a busy machine's.
    assert longest < 0.5
    await engine.close()


async def test_a_closed_engine_keeps_what_it_accepted(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, KEY)
    commits = [
        asyncio.create_task(engine.records.commit(Batch(puts=((Key(b"%d" % n), b""),))))
        for n in range(100)
    ]
    await asyncio.sleep(0)
    await engine.close()
    await asyncio.gather(*commits)
    with pytest.raises(Unavailable):
        await engine.records.commit(Batch(puts=((A, b""),)))
    engine = EmbeddedEngine.open(tmp_path, KEY)
    for n in range(100):
        assert await engine.records.get(Key(b"%d" % n)) is not None
    await engine.close()


def test_the_library_here_is_fit() -> None:
    opening.check_library(apsw.sqlite_lib_version())


async def test_a_fence_tripped_by_a_blob_ends_commits_that_wait(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, KEY)
    waiting = asyncio.create_task(engine.records.commit(Batch(puts=((A, b""),))))
    await asyncio.sleep(0)
    engine._fence.trip("a blob could not be synced")
    with pytest.raises(Fenced, match="blob"):
        await waiting
    with pytest.raises(Fenced, match="blob"):
        await engine.records.commit(Batch(puts=((A, b""),)))
    assert await engine.records.get(A) is None
    await engine.close()
