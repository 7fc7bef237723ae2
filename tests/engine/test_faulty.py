"""The wrapper that fails where a plan says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.stores import KEY
from rempart.engine.embedded import EmbeddedEngine
from rempart.engine.seam import Batch, BlobId, Engine, EngineError, Key, Unavailable
from rempart.engine.wrap import Fault, FaultyEngine, fail_at

A = Key(b"a")


async def program(engine: Engine) -> None:
    """Use every port once."""
    await engine.records.commit(Batch(puts=((A, b"1"),)))
    await engine.records.get(A)
    writer = await engine.blobs.create(BlobId("a" * 32))
    try:
        await writer.write(b"body")
        await writer.finish()
    finally:
        await writer.abort()
    reader = await engine.blobs.open(BlobId("a" * 32))
    try:
        await reader.read(0, 4)
    finally:
        await reader.close()
    await engine.blobs.delete(BlobId("a" * 32))
    await engine.feeds.head("f")
    await engine.feeds.read("f", 0, limit=1)
    lease = await engine.leases.acquire("l", "me", 1)
    assert lease is not None
    await engine.leases.release(lease)


async def test_each_call_can_be_made_to_fail(tmp_path: Path) -> None:
    real = EmbeddedEngine.open(tmp_path, KEY)
    calm = FaultyEngine(real, lambda _number, _name: None)
    await program(calm)
    assert len(set(calm.calls)) == len(calm.calls) == 12
    for number, name in enumerate(calm.calls):
        for after in (False, True):
            fault = Fault(Unavailable("planned"), after=after)
            faulty = FaultyEngine(real, fail_at(number, fault))
            with pytest.raises(EngineError, match="planned"):
                await program(faulty)
            assert faulty.calls[-1] == name
            await real.blobs.delete(BlobId("a" * 32))
    await real.close()


async def test_a_lost_answer_leaves_the_effect(tmp_path: Path) -> None:
    real = EmbeddedEngine.open(tmp_path, KEY)
    lost = FaultyEngine(real, fail_at(0, Fault(Unavailable("planned"), after=True)))
    with pytest.raises(Unavailable):
        await lost.records.commit(Batch(puts=((A, b"1"),)))
    assert await real.records.get(A) is not None
    refused = FaultyEngine(real, fail_at(0, Fault(Unavailable("planned"))))
    with pytest.raises(Unavailable):
        await refused.records.commit(Batch(deletes=(A,)))
    assert await real.records.get(A) is not None
    await real.close()
