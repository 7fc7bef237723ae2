"""A process of its own for the fault tests, `child.py DIRECTORY WORK`: says what it sees."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
from pathlib import Path

from rempart.engine.embedded import EmbeddedEngine
from rempart.engine.seam import (
    Append,
    Batch,
    BlobId,
    Expect,
    Fenced,
    Key,
    OutOfSpace,
    PayloadId,
)

KEY = bytes(range(32))


def say(*words: object) -> None:
    # One write call a line: what was said is in the pipe, whatever happens to this process.
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


def batch(number: int) -> Batch:
    key = Key(b"key-%012d" % number)
    return Batch(
        expects=(Expect(key, 0),),
        puts=((key, b"value %d" % number),),
        payloads=((PayloadId(number), b"payload %d " % number * 100),),
        appends=(Append("log", b"entry %d" % number),),
    )


async def load(engine: EmbeddedEngine, start: int) -> None:
    """Commit as sixteen callers until killed, and write a blob now and then."""
    numbers = itertools.count(start)

    async def caller() -> None:
        while True:
            number = next(numbers)
            done = await engine.records.commit(batch(number))
            say("ack", number, done.version, done.positions[0].index)
            if number % 50 == 0:
                writer = await engine.blobs.create(BlobId(f"{number:032x}"))
                await writer.write(b"blob %d " % number * 10_000)
                await writer.finish()
                say("blob", number)

    await asyncio.gather(*(caller() for _ in range(16)))


async def together(engine: EmbeddedEngine) -> None:
    """Sixty-four commits at once."""
    await asyncio.gather(*(engine.records.commit(batch(number)) for number in range(1, 65)))


async def one_by_one(engine: EmbeddedEngine) -> None:
    """Commit until fenced, then see that writing stays over and reading goes on."""
    for number in itertools.count(1):
        try:
            await engine.records.commit(batch(number))
        except Fenced:
            say("fenced", number)
            break
        say("ack", number)
    for again in range(2):
        try:
            await engine.records.commit(batch(1000 + again))
        except Fenced:
            say("fenced again")
    with contextlib.suppress(Fenced):
        await engine.blobs.create(BlobId("0" * 32))
        say("blob begun")
    say("read", (await engine.records.get(Key(b"key-%012d" % 1))) is not None)


async def blob(engine: EmbeddedEngine) -> None:
    """Write one blob of 5 MiB and say how it ended."""
    try:
        writer = await engine.blobs.create(BlobId("f" * 32))
    except Fenced:
        say("Fenced")
        return
    try:
        for piece in range(5):
            await writer.write(bytes([piece]) * (1 << 20))
        await writer.finish()
    except (Fenced, OutOfSpace) as error:
        say(type(error).__name__)
        await writer.abort()
        return
    reader = await engine.blobs.open(BlobId("f" * 32))
    data = await reader.read(0, 1 << 30)
    say("whole", data == b"".join(bytes([piece]) * (1 << 20) for piece in range(5)))


async def main() -> None:
    engine = EmbeddedEngine.open(
        Path(sys.argv[1]), KEY, on_fenced=lambda reason: say("callback", reason)
    )
    say("open")
    work = sys.argv[2]
    if work == "load":
        await load(engine, int(sys.argv[3]))
    else:
        await {"together": together, "one_by_one": one_by_one, "blob": blob}[work](engine)
    say("end")


asyncio.run(main())
