"""Kills, failing disks and full disks against the embedded engine in a process of its own."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.stores import KEY
from rempart.engine.embedded import EmbeddedEngine
from rempart.engine.seam import (
    GENESIS,
    Append,
    Batch,
    BlobId,
    BlobWriter,
    Key,
    OutOfSpace,
    PayloadId,
    chain,
)

HERE = Path(__file__).parent
KILLS = 20


def start(directory: Path, *words: str, **shim: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "child.py"), str(directory), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **shim})


def run(directory: Path, *words: str, **shim: str) -> list[str]:
    child = start(directory, *words, **shim)
    try:
        said, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    return said.splitlines()


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler, so no failing system calls")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = str(HERE / "shim.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", str(library), source], check=True)
    return str(library)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


async def check_feed(engine: EmbeddedEngine) -> dict[int, bytes]:
    """Return the entries of the log by index, having recomputed every chain value."""
    value, start, entries = GENESIS, 0, dict[int, bytes]()
    while found := await engine.feeds.read("log", start, limit=1000):
        for entry in found:
            assert entry.index == len(entries)
            value = chain(value, entry.entry)
            assert entry.chain == value
            entries[entry.index] = entry.entry
        start = len(entries)
    assert await engine.feeds.head("log") == (len(entries), value)
    return entries


async def check_acknowledged(engine: EmbeddedEngine, said: list[str]) -> int:
    entries = await check_feed(engine)
    acknowledged = 0
    for line in said:
        what, *rest = line.split()
        if what == "ack":
            number, version, index = (int(word) for word in rest)
            record = await engine.records.get(Key(b"key-%012d" % number))
            assert record is not None
            assert (record.version, record.value) == (version, b"value %d" % number)
            assert await engine.records.payload(PayloadId(number)) == b"payload %d " % number * 100
            assert entries[index] == b"entry %d" % number
            acknowledged += 1
        if what == "blob":
            reader = await engine.blobs.open(BlobId(f"{int(rest[0]):032x}"))
            assert await reader.read(0, 1 << 20) == b"blob %d " % int(rest[0]) * 10_000
            await reader.close()
    return acknowledged


@pytest.mark.faults
async def test_every_acknowledged_commit_survives_kills(tmp_path: Path) -> None:
    chance = random.Random(11)
    said: list[str] = []
    for round_ in range(KILLS):
        child = start(tmp_path, "load", str(1 + round_ * 1_000_000))
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        await asyncio.sleep(chance.uniform(0.005, 0.35))
        child.kill()
        lines = child.stdout.read().splitlines()
        child.wait()
        child.stdout.close()
        said += lines
        engine = EmbeddedEngine.open(tmp_path, KEY)
        await check_acknowledged(engine, lines)
        assert not list((tmp_path / "engine" / "blobs").glob("*/*.part"))
        await engine.close()
    engine = EmbeddedEngine.open(tmp_path, KEY)
    assert await check_acknowledged(engine, said) > KILLS
    await engine.close()


def test_sixty_four_commits_share_few_syncs(tmp_path: Path, shim: str) -> None:
    log = tmp_path / "syncs"
    said = run(
        tmp_path / "data",
        "together",
        LD_PRELOAD=shim,
        SHIM_CALL="sync",
        SHIM_PATH="records.db-wal",
        SHIM_LOG=str(log),
    )
    assert said[-1] == "end"
    # Opening syncs the log a few times by itself.
    assert 1 <= log.stat().st_size <= 6


@pytest.mark.parametrize("at", [4, 6, 7, 12])
def test_a_failed_sync_of_the_log_ends_all_writing(tmp_path: Path, shim: str, at: int) -> None:
    said = run(
        tmp_path,
        "one_by_one",
        LD_PRELOAD=shim,
        SHIM_CALL="sync",
        SHIM_PATH="records.db-wal",
        SHIM_AT=str(at),
        SHIM_ACT="eio",
    )
    fenced = [line.split()[0] for line in said].index("fenced")
    assert sum(line.startswith("callback") for line in said) == 1
    acknowledged = [line for line in said if line.startswith("ack")]
    read = f"read {bool(acknowledged)}"
    assert said[fenced + 1 :] == ["fenced again", "fenced again", read, "end"]
    assert len(acknowledged) == int(said[fenced].split()[1]) - 1


@pytest.mark.parametrize(("path", "at"), [("/blobs/ff/", "1"), ("/blobs/ff", "2"), ("/blobs", "1")])
def test_a_failed_sync_of_a_blob_or_its_directory_fences(
    tmp_path: Path, shim: str, path: str, at: str
) -> None:
    said = run(
        tmp_path,
        "blob",
        LD_PRELOAD=shim,
        SHIM_CALL="sync",
        SHIM_PATH=path,
        SHIM_AT=at,
        SHIM_ACT="eio",
    )
    assert said[-2:] == ["Fenced", "end"]


@pytest.mark.parametrize("at", ["1", "3", "5"])
def test_a_short_write_loses_nothing(tmp_path: Path, shim: str, at: str) -> None:
    said = run(
        tmp_path,
        "blob",
        LD_PRELOAD=shim,
        SHIM_CALL="write",
        SHIM_PATH="/blobs/",
        SHIM_AT=at,
        SHIM_ACT="short",
    )
    assert said[1:] == ["whole True", "end"]


def test_a_blob_on_a_full_disk_is_removed(tmp_path: Path, shim: str) -> None:
    said = run(
        tmp_path,
        "blob",
        LD_PRELOAD=shim,
        SHIM_CALL="write",
        SHIM_PATH="/blobs/",
        SHIM_AT="3",
        SHIM_ACT="enospc",
    )
    assert said[1:] == ["OutOfSpace", "end"]
    assert not list((tmp_path / "engine" / "blobs").glob("*/*"))


async def test_a_full_disk_refuses_commits_and_keeps_the_rest(small_disk: Path) -> None:
    engine = EmbeddedEngine.open(small_disk, KEY)
    done = await _commit_until_full(engine)
    assert done > 0
    results = await asyncio.gather(
        *(engine.records.commit(_big(20_000 + n)) for n in range(8)), return_exceptions=True
    )
    assert all(isinstance(result, OutOfSpace) for result in results)
    writer = await engine.blobs.create(BlobId("a" * 32))
    with pytest.raises(OutOfSpace):
        await _fill(writer)
    assert [blob async for blob in engine.blobs.list()] == []
    assert await engine.records.payload(PayloadId(done)) == bytes([done % 256]) * 100_000
    assert await engine.records.payload(PayloadId(done + 1)) is None
    _enlarge(small_disk)
    committed = await engine.records.commit(_big(done + 1))
    assert committed.version == done + 1
    assert committed.positions[0].index == done
    assert len(await check_feed(engine)) == done + 1
    await engine.close()
    engine = EmbeddedEngine.open(small_disk, KEY)
    assert len(await check_feed(engine)) == done + 1
    await engine.close()


async def _commit_until_full(engine: EmbeddedEngine) -> int:
    for number in range(1, 10_000):
        try:
            await engine.records.commit(_big(number))
        except OutOfSpace:
            return number - 1
    pytest.fail("the disk never filled")


def _enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)


def _big(number: int) -> Batch:
    return Batch(
        payloads=((PayloadId(number), bytes([number % 256]) * 100_000),),
        appends=(Append("log", b"entry %d" % number),),
    )


async def _fill(writer: BlobWriter) -> None:
    for _ in range(8):
        await writer.write(bytes(1 << 20))
    await writer.finish()
