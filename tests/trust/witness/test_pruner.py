"""Pruning: old reads and refusals can no longer be opened, and the tree is what it was."""

from __future__ import annotations

from rempart import app
from rempart.tlog.commitment import Opening
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import (
    EVENT,
    FEED,
    INTENT,
    OUTCOME,
    REFUSAL,
    USE,
    Leaf,
    decode,
    encode,
)
from rempart.trust.witness.pruner import METHOD, Pruner
from support.cloud_storage import Cloud
from support.memory_engine import MemoryEngine
from support.sequenced import Logged

DAYS = 200
KINDS = (USE, OUTCOME, REFUSAL, INTENT, EVENT)


async def write(logged: Logged) -> None:
    sealed = logged.universe.sealed
    leaves = [
        Leaf(kind=kind, time=logged.clock.now, request=str(number), method="m")
        for number, kind in enumerate(KINDS * 300)
    ]
    await sealed.append(tuple(sealed.seal_entry(FEED, encode(leaf)) for leaf in leaves))


async def openings(sealed: SealedEngine) -> list[Opening | None]:
    length = await sealed.length(FEED)
    return [one.opening for one in await sealed.entries(FEED, 0, limit=length)]


async def test_old_reads_and_refusals_close_and_the_tree_stands() -> None:
    logged = Logged()
    sealed = logged.universe.sealed
    await write(logged)
    seen = await logged.settle(sequencer := logged.sequencer())
    pruner = Pruner(sealed, logged.log, logged.clock, days=DAYS)
    logged.clock.advance((DAYS - 1) * 86_400)
    await pruner.run()
    assert None not in await openings(sealed)
    await write(logged)
    logged.clock.advance(2 * 86_400)
    await pruner.run()
    found = await openings(sealed)
    kinds = [decode(one.content).kind for one in found[: len(KINDS) * 300] if one]
    assert kinds == [OUTCOME, INTENT, EVENT] * 300
    assert None not in found[len(KINDS) * 300 :]
    assert (await logged.checkpoint()) == seen
    assert (await logged.settle(sequencer)).size == len(found)
    events = [decode(one.content) for one in found[-2:] if one]
    assert [one.method for one in events] == [METHOD, METHOD]
    assert sum(int(one.facts["count"]) for one in events) == 600


async def test_what_no_checkpoint_covers_is_not_pruned() -> None:
    logged = Logged()
    await write(logged)
    logged.clock.advance(DAYS * 2 * 86_400)
    await Pruner(logged.universe.sealed, logged.log, logged.clock, days=DAYS).run()
    assert None not in await openings(logged.universe.sealed)


async def test_a_universe_whose_reads_were_pruned_still_verifies() -> None:
    engine = MemoryEngine()
    cloud = await Cloud.start(engine, labels={"rempart-sensitivity": "restricted"})
    await cloud.put("a", b"x")
    await cloud.read("a")
    for _ in range(3):
        await cloud.parts.sequencer.step()
    cloud.clock.advance(DAYS * 2 * 86_400)
    await Pruner(cloud.parts.sealed, cloud.parts.log, cloud.clock, days=DAYS).run()
    assert None in await openings(cloud.parts.sealed)
    assert [one for one in await app.checks(engine, cloud.parts) if not one.ok] == []
