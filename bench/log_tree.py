"""The tree over a long log: how fast it grows, how fast an entry of it is proved."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

from bench.ours import busyness
from bench.report import Figure
from bench.universe import Broken
from rempart.core.clock import World
from rempart.cosigners.notary import Notary
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.tlog.checking import check_consistency, check_inclusion
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.keys import Algorithm, VerifierKey, seeded_signer
from rempart.tlog.note import parse_note
from rempart.tlog.tree import leaf_hash
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode
from rempart.trust.witness.log import PublishedLog
from rempart.trust.witness.sequencer import Sequencer
from rempart.trust.witness.standing import check_tree
from rempart.trust.witness.verify import Walk, walk

BATCH = 5000
PROOFS = 500


async def grown(data: Path, count: int) -> list[Figure]:
    """Make a log of so many entries, grow its tree, prove entries of it, and verify it whole."""
    busy, world, found = busyness(), World(), list[Figure]()
    engine = EmbeddedEngine.open(data, b"k" * 32, on_fenced=lambda _reason: None)

    def figure(row: str, unit: str, value: float) -> None:
        found.append(Figure(f"{row}, a log of {count:,}", unit, "Rempart", (value,), busy))

    try:
        sealed = SealedEngine(engine, key=b"r" * 32, random=world.random)
        signer = seeded_signer("log.bench", Algorithm.ED25519, b"s" * 32)
        sequencer = Sequencer(
            engine, sealed, Notary(signer, world.clock), world.clock, holder="bench"
        )
        figure("append", "entries/s", count / await _fill(sealed, count))
        figure("grow and sign the tree", "entries/s", count / await _grow(sequencer))
        log = PublishedLog(engine, sealed)
        prove, check, size = await _prove(log, engine, count)
        figure("prove that an entry is in it", "ms", prove * 1e3)
        figure("check such a proof", "ms", check * 1e3)
        figure("such a proof", "bytes", size)
        figure("prove and check that it continues half of it", "ms", await _continues(log))
        figure("verify it whole", "s", await _verify(engine, sealed, signer.key))
        figure("on the disk", "bytes an entry", _stored(data) / count)
    finally:
        await engine.close()
        shutil.rmtree(data)
    return found


async def _verify(engine: EmbeddedEngine, sealed: SealedEngine, key: VerifierKey) -> float:
    begun = time.perf_counter()
    async for _ in walk(engine, sealed, Walk()):
        pass
    await check_tree(engine, sealed, key)
    return time.perf_counter() - begun


def _stored(data: Path) -> int:
    return sum(one.stat().st_size for one in data.rglob("*") if one.is_file())


async def _fill(sealed: SealedEngine, count: int) -> float:
    begun = time.perf_counter()
    for start in range(0, count, BATCH):
        batch = range(start, min(start + BATCH, count))
        await sealed.append(tuple(sealed.seal_entry(FEED, _leaf(index)) for index in batch))
    return time.perf_counter() - begun


def _leaf(index: int) -> bytes:
    return encode(
        Leaf(
            kind=OUTCOME,
            time=1_800_000_000_000_000 + index,
            request=f"{index:032x}",
            method="storage.objects.insert",
            permission="storage.objects.create",
            principal="serviceAccount:writer@default.rempart.iam.gserviceaccount.com",
            resource=f"projects/_/buckets/bench/objects/put/{index:012d}",
            remote="192.0.2.7",
            status=200,
            facts={"generation": str(1_800_000_000_000_000 + index), "size": "4096"},
            service="storage",
            access="DATA_WRITE",
            container="projects/rempart:default",
        )
    )


async def _grow(sequencer: Sequencer) -> float:
    begun = time.perf_counter()
    while await sequencer.step():
        pass
    while await sequencer.step():  # the first step may have taken the lease only
        pass
    await sequencer.step()
    return time.perf_counter() - begun


async def _prove(log: PublishedLog, engine: EmbeddedEngine, count: int) -> tuple[float, float, int]:
    seen = parse_checkpoint(parse_note(await log.checkpoint()).text)
    chance = random.Random(1)
    proving = checking = 0.0
    size = 0
    for _ in range(PROOFS):
        index = chance.randrange(count)
        (entry,) = await engine.feeds.read(FEED, index, limit=1)
        begun = time.perf_counter()
        proof = await log.inclusion(index)
        made = time.perf_counter()
        check_inclusion(index, seen.size, leaf_hash(entry.entry), proof.hashes, seen.root)
        proving, checking = proving + made - begun, checking + time.perf_counter() - made
        size = len(proof.encode())
    return proving / PROOFS, checking / PROOFS, size


async def _continues(log: PublishedLog) -> float:
    head = await log.head()
    if head is None:
        raise Broken("There is no tree.")
    begun = time.perf_counter()
    proof = await log.consistency(head.size // 2, head.size)
    half = await log.root(head.size // 2)
    check_consistency(head.size // 2, head.size, half, head.root, proof)
    return (time.perf_counter() - begun) * 1e3
