"""What a log sends a witness (C2SP tlog-witness, `add-checkpoint`), written and read."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.tlog.errors import Malformed
from rempart.tlog.note import Note, parse_note
from rempart.tlog.proving import Proof
from rempart.tlog.text import decimal, decode_hash, encode_base64

PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
"""The media type of a conflict's body: the size that the witness cosigned last."""

HASHES_MAX = 63


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed checkpoint, and the proof that it continues the tree of `old` leaves."""

    old: int
    proof: Proof
    note: Note

    def encode(self) -> bytes:
        """Return the body of the request."""
        head = [f"old {self.old}", *(encode_base64(it) for it in self.proof)]
        return "".join(f"{line}\n" for line in (*head, "")).encode() + self.note.encode()


def parse_submission(content: bytes) -> Submission:
    """Return what a body says, with nothing verified; raises `Malformed`."""
    head, blank, note = content.partition(b"\n\n")
    try:
        old, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("The old size and the proof are ASCII.") from None
    if not blank or not old.startswith("old "):
        raise Malformed("The body is an old size, a proof, a blank line and a checkpoint.")
    if len(hashes) > HASHES_MAX:
        raise Malformed(f"A consistency proof has at most {HASHES_MAX} hashes.")
    size = decimal(old.removeprefix("old "))
    return Submission(size, tuple(decode_hash(it) for it in hashes), parse_note(note))
