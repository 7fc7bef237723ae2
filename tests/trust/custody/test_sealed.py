"""The sealed engine's memory: what it keeps in the clear follows what is on the disk."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from rempart.core.clock import system_random
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine

STATE = Kind(b"s", str, hot=8)
ROUNDS = 20


def opened(engine: EmbeddedEngine) -> SealedEngine:
    return SealedEngine(engine, key=b"r" * 32, random=system_random)


async def read(sealed: SealedEngine) -> str | None:
    found = await sealed.find(STATE, STATE.key("version"))
    return found.value if found else None


async def test_a_commit_whose_caller_gave_up_does_not_leave_the_old_value_in_memory(
    tmp_path: Path,
) -> None:
    engine = EmbeddedEngine.open(tmp_path, b"e" * 32)
    sealed = opened(engine)

    async def write(value: str) -> None:
        tx = sealed.transaction()
        tx.put(STATE, "version", value=value)
        await tx.commit()

    for round_ in range(ROUNDS):
        await write("enabled")
        disabling = asyncio.create_task(write("disabled"))
        for _ in range(round_ % 4 + 1):
            await asyncio.sleep(0)
        disabling.cancel()
        with suppress(asyncio.CancelledError):
            await disabling
        await read(sealed)
        await sealed.transaction().commit()  # waits until what was before it is on the disk
        assert await read(sealed) == await read(opened(engine))
    await engine.close()
