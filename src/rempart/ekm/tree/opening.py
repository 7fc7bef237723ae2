"""A proof that shows one line of the log to somebody, and what they conclude from it.

It is a C2SP tlog-proof. Its `extra` opens the entry: the salt, the chain hash before the line, and
the line's JSON. Who is not to read the line gets the proof without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rempart.ekm.record.chain import Head, extend
from rempart.ekm.record.following import Follower
from rempart.ekm.tree.files import CHECKPOINT, TreeFiles
from rempart.ekm.tree.secret import Salts
from rempart.tlog.checking import check_inclusion
from rempart.tlog.commitment import SALT_BYTES, commitment
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.policy import Policy, Witnessed
from rempart.tlog.proof import LogProof, parse_proof
from rempart.tlog.proving import plan_inclusion
from rempart.tlog.text import HASH_BYTES
from rempart.tlog.tree import leaf_hash


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens an entry of the tree."""

    salt: bytes
    before: bytes
    content: bytes

    def encode(self) -> bytes:
        """Return the bytes that a proof carries."""
        return self.salt + self.before + self.content

    def entry(self, index: int) -> bytes:
        """Return the entry that this opens."""
        chained, _ = extend(Head(index, self.before), self.content)
        return commitment(self.salt, chained.hash)


def prove(log: Path, kept: TreeFiles, index: int, *, closed: bool = False) -> LogProof:
    """Return the proof of a line under the published checkpoint; closed, it does not show it.

    Raises `LogBroken`, or `Refuted` and `Malformed` where it cannot be made.
    """
    key = kept.key()
    published = kept.note(CHECKPOINT, key) if key else None
    if published is None or index >= published[1].size:
        raise Refuted("No published checkpoint covers that entry yet.")
    note, seen = published
    follower = Follower.after(log, index)
    before = follower.head.hash
    (line,) = follower.read(index + 1)
    opening = Opening(Salts(kept.salt_key()).salt(index), before, line.content)
    hashes = kept.proof(plan_inclusion(index, seen.size), seen.size)
    check_inclusion(index, seen.size, leaf_hash(opening.entry(index)), hashes, seen.root)
    return LogProof(index, hashes, note, None if closed else opening.encode())


def check(content: bytes, policy: Policy) -> tuple[int, Witnessed, bytes]:
    """Check a proof that shows a line; return its index, what vouches for it, and its JSON.

    Raises `Malformed` or `Refuted`. Nothing is believed but the policy.
    """
    proof = parse_proof(content)
    extra = proof.extra or b""
    if len(extra) <= SALT_BYTES + HASH_BYTES:
        raise Malformed("The proof does not show the entry.")
    opening = Opening(
        extra[:SALT_BYTES],
        extra[SALT_BYTES : SALT_BYTES + HASH_BYTES],
        extra[SALT_BYTES + HASH_BYTES :],
    )
    witnessed = proof.check(leaf_hash(opening.entry(proof.index)), policy)
    return proof.index, witnessed, opening.content
