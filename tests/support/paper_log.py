"""A log on paper: leaves, a key, and proofs out of the RFC's own recursion."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.keys import Algorithm, Signer, seeded_signer
from rempart.tlog.note import Note, sign_note
from rempart.tlog.proving import Proof, plan_consistency
from rempart.tlog.submission import Submission
from rempart.tlog.tree import EMPTY_ROOT, Node, complete_subtrees, fold, leaf_hash, root_hash

ORIGIN = "log.example/paper"
SEED = b"paper log" + bytes(23)


@lru_cache
def _signer(origin: str, seed: bytes) -> Signer:
    return seeded_signer(origin, Algorithm.ED25519, seed)


@dataclass(frozen=True)
class PaperLog:
    """What a log could say; `forked` says something else from a leaf on, under the same key."""

    origin: str = ORIGIN
    leaves: tuple[bytes, ...] = tuple(leaf_hash(b"%d" % it) for it in range(64))
    seed: bytes = SEED
    _known: dict[Node, bytes] = field(default_factory=dict, compare=False)

    @property
    def signer(self) -> Signer:
        return _signer(self.origin, self.seed)

    def forked(self, at: int, words: bytes = b"other") -> PaperLog:
        changed = (leaf_hash(words + b"%d" % it) for it in range(at, len(self.leaves)))
        return PaperLog(self.origin, (*self.leaves[:at], *changed), self.seed)

    def checkpoint(self, size: int) -> Checkpoint:
        parts = [self._node(it) for it in complete_subtrees(0, size)]
        return Checkpoint(self.origin, size, fold(parts) if parts else EMPTY_ROOT)

    def note(self, size: int) -> Note:
        return sign_note(self.checkpoint(size).text, [self.signer], 0)

    def proof(self, old: int, size: int) -> Proof:
        return plan_consistency(old, size).read(lambda nodes: [self._node(it) for it in nodes])

    def submission(self, old: int, size: int) -> Submission:
        return Submission(old, self.proof(old, size), self.note(size))

    def _node(self, node: Node) -> bytes:
        if node not in self._known:
            start, end = node.index << node.level, (node.index + 1) << node.level
            self._known[node] = root_hash(self.leaves[start:end])
        return self._known[node]
