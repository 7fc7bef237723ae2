"""A key holder's log in a folder, with its tree and without its manager."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rempart.core.clock import Micros
from rempart.cosigners.notary import Notary
from rempart.cosigners.quorum import Quorum
from rempart.ekm.record.journal import Journal
from rempart.ekm.record.segments import tail, walk
from rempart.ekm.tree import secret
from rempart.ekm.tree.files import TreeFiles
from rempart.ekm.tree.sequencer import Sequencer
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.tree import leaf_hash, root_hash

SECRET = secret.derived(b"e" * 32, "ekm.example/log")
KEY = SECRET.signer.key


@dataclass
class HeldLog:
    """`log/` and `tree/1/` under one folder."""

    data: Path
    seen: list[Checkpoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log.mkdir(exist_ok=True)
        self.files.directory.mkdir(parents=True, exist_ok=True)
        self.files.keep("key", f"{KEY.text}\n".encode())
        self.files.keep("salt", SECRET.salts.key)

    @property
    def log(self) -> Path:
        return self.data / "log"

    @property
    def files(self) -> TreeFiles:
        return TreeFiles(self.data / "tree" / "1")

    async def append(self, count: int, *, says: str = "x") -> None:
        journal = Journal.open(self.log)
        for number in range(count):
            await journal.append(b'{"%s":%d}' % (says.encode(), number))
        await journal.close()

    def sequencer(self, quorum: Quorum | None = None) -> Sequencer:
        notary = Notary(SECRET.signer, lambda: Micros(1_700_000_000_000_000), quorum)
        return Sequencer(
            self.log, self.files, notary, SECRET.salts, lambda: tail(self.log).head.count
        )

    async def published(self, sequencer: Sequencer | None = None) -> Checkpoint:
        """Let a sequencer that was just started work once, and return what it publishes."""
        sequencer = sequencer or self.sequencer()
        await sequencer.step()
        assert sequencer.published is not None
        _, found = sequencer.published
        assert found.root == self.root(found.size)
        self.seen.append(found)
        return found

    def root(self, size: int) -> bytes:
        """Return the root over the lines as they stand, the long way."""
        lines = [line for line in walk(self.log) if line.index < size]
        assert len(lines) == size
        return root_hash(leaf_hash(SECRET.salts.entry(line.index, line.hash)) for line in lines)
