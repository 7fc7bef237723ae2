"""A log in memory with its sequencer, and what an outsider concludes from what it published."""

from __future__ import annotations

from dataclasses import dataclass, field

from rempart.cosigners.asking import Cosigned, Enough, Failure
from rempart.cosigners.notary import Notary
from rempart.cosigners.quorum import Prove, Quorum
from rempart.engine.seam import Append, Engine
from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.keys import Algorithm, Signature, VerifierKey, seeded_signer
from rempart.tlog.note import Note, Verified, parse_note
from rempart.tlog.tree import leaf_hash, root_hash
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import FEED
from rempart.trust.witness.log import PublishedLog
from rempart.trust.witness.sequencer import Sequencer
from support.memory_engine import MemoryEngine
from support.worlds import SetClock, TestUniverse

ORIGIN = "log.apis.example.test"
SIGNER = seeded_signer(ORIGIN, Algorithm.ED25519, b"s" * 32)


@dataclass
class Witnesses:
    """Cosigners that answer as a test says; the checkpoints they were shown are kept."""

    key: VerifierKey
    signatures: tuple[Signature, ...] = ()
    failures: tuple[Failure, ...] = ()
    shown: list[Note] = field(default_factory=list)
    all_awaited: list[bool] = field(default_factory=list)

    async def cosign(self, note: Note, prove: Prove, *, enough: Enough | None = None) -> Cosigned:
        self.shown.append(note)
        self.all_awaited.append(enough is None)
        await prove(parse_checkpoint(note.text).size)
        given = tuple(Verified(self.key, None, one) for one in self.signatures)
        return Cosigned(given, self.failures)


def _universe() -> TestUniverse:
    clock = SetClock()
    return TestUniverse(clock, MemoryEngine(clock))


@dataclass
class Logged:
    """The feed of one store, and sequencers over it."""

    universe: TestUniverse = field(default_factory=_universe)
    published: list[Checkpoint] = field(default_factory=list)

    @property
    def clock(self) -> SetClock:
        return self.universe.clock

    def sequencer(
        self,
        engine: Engine | None = None,
        *,
        holder: str = "a",
        quorum: Quorum | None = None,
    ) -> Sequencer:
        engine = engine or self.universe.engine
        sealed = SealedEngine(engine, key=b"r" * 32, random=self.universe.world.random)
        notary = Notary(SIGNER, self.clock, quorum)
        return Sequencer(engine, sealed, notary, self.clock, holder=holder)

    @property
    def log(self) -> PublishedLog:
        return PublishedLog(self.universe.engine, self.universe.reopened())

    async def append(self, count: int) -> None:
        sealed = self.universe.sealed
        appends: tuple[Append, ...] = tuple(sealed.seal_entry(FEED, b"{}") for _ in range(count))
        await sealed.append(appends)

    async def settle(self, sequencer: Sequencer) -> Checkpoint:
        """Let a sequencer come to rest, and return what is published then."""
        for _ in range(3):
            while await sequencer.step():
                pass
        return await self.checkpoint()

    async def checkpoint(self) -> Checkpoint:
        """Return the published checkpoint, its signature and its root checked."""
        note = parse_note(await self.log.checkpoint())
        note.opened([SIGNER.key])
        seen = parse_checkpoint(note.text)
        assert seen.root == root_hash(await self.leaves(seen.size))
        self.published.append(seen)
        return seen

    async def leaves(self, size: int) -> list[bytes]:
        entries = await self.universe.engine.feeds.read(FEED, 0, limit=size)
        return [leaf_hash(one.entry) for one in entries]
