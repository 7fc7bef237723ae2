"""Proofs in one file (C2SP tlog-proof): an index, an inclusion proof, a signed checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.tlog.checking import check_inclusion
from rempart.tlog.errors import Malformed
from rempart.tlog.note import Note, parse_note
from rempart.tlog.policy import Policy, Witnessed
from rempart.tlog.proving import Proof
from rempart.tlog.text import decimal, decode_base64, decode_hash, encode_base64

HEADER = "c2sp.org/tlog-proof@v1"
FILE_SUFFIX = ".tlog-proof"
HASHES_MAX = 63
PROOF_BYTES_MAX = 2_000_000


@dataclass(frozen=True, slots=True)
class LogProof:
    """That one entry is in a log, for whoever has the entry and a policy.

    `extra` is not authenticated by anything.
    """

    index: int
    hashes: Proof
    note: Note
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Return the file."""
        extra = [] if self.extra is None else [f"extra {encode_base64(self.extra)}"]
        hashes = [encode_base64(it) for it in self.hashes]
        head = "\n".join([HEADER, *extra, f"index {self.index}", *hashes])
        return f"{head}\n\n".encode() + self.note.encode()

    def check(self, leaf: bytes, policy: Policy) -> Witnessed:
        """Check that the entry of this leaf hash is in a log that the policy believes.

        Raises `Malformed` or `Refuted`.
        """
        witnessed = policy.check(self.note)
        seen = witnessed.checkpoint
        check_inclusion(self.index, seen.size, leaf, self.hashes, seen.root)
        return witnessed


def parse_proof(content: bytes) -> LogProof:
    """Return the proof of a file, with nothing verified; raises `Malformed`."""
    if len(content) > PROOF_BYTES_MAX:
        raise Malformed(f"A proof has at most {PROOF_BYTES_MAX} bytes.")
    head, blank, note = content.partition(b"\n\n")
    try:
        header, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("A proof's own lines are ASCII.") from None
    if header != HEADER or not blank:
        raise Malformed(f"A proof begins with the line {HEADER}, and a blank line ends its hashes.")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise Malformed("A proof states the index of its entry.")
    index, *hashes = lines
    if len(hashes) > HASHES_MAX:
        raise Malformed(f"A proof has at most {HASHES_MAX} hashes.")
    return LogProof(
        index=decimal(index.removeprefix("index ")),
        hashes=tuple(decode_hash(it) for it in hashes),
        note=parse_note(note),
        extra=extra,
    )
