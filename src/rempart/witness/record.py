"""What a witness cosigned last of each log, on disk before any cosignature leaves.

`latest/<SHA-256 of the origin>` is the signed checkpoint with the witness's own cosignatures: one
file, replaced whole. A crash leaves the old or the new one, never a part, and a cosignature that
nobody was given may be there, which is harmless.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from rempart import durable
from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import Signature, VerifierKey
from rempart.tlog.note import Note, parse_note

DIRECTORY = "latest"
_RETRIED = {errno.ENOSPC, errno.EDQUOT}


class RecordProblem(Exception):  # noqa: N818 - it is named for what it is
    """The record cannot be read or written; the message says what is wrong."""


class Cosigned:
    """The latest checkpoint of one log, and the witness's own signatures of it."""

    __slots__ = ("checkpoint", "note", "own", "seconds")

    def __init__(self, note: Note, own: Iterable[VerifierKey]) -> None:
        verified = note.opened(own)
        self.note = note
        self.checkpoint: Checkpoint = parse_checkpoint(note.text)
        self.own: tuple[Signature, ...] = tuple(it.signature for it in verified)
        self.seconds = max(it.seconds or 0 for it in verified)


class Record:
    """The one writer of the record. Its calls block, and are made one at a time for each log."""

    def __init__(self, data: Path, own: tuple[VerifierKey, ...]) -> None:
        self._directory = data / DIRECTORY
        self._own = own
        self._latest: dict[str, Cosigned] = {}
        self.fenced = False

    @classmethod
    def open(cls, data: Path, own: tuple[VerifierKey, ...]) -> Record:
        """Read what is on disk; raises `RecordProblem` where it is not this witness's own."""
        record = cls(data, own)
        for path in sorted(record._directory.iterdir()):
            if path.suffix == ".new":
                continue  # a crash left it; nothing of it was told to anyone
            try:
                cosigned = Cosigned(parse_note(path.read_bytes()), own)
            except (Malformed, Refuted, OSError) as problem:
                raise RecordProblem(f"{path} is not what this witness wrote: {problem}") from None
            if path.name != file_name(cosigned.checkpoint.origin):
                raise RecordProblem(f"{path} is of another log than its name says.")
            record._latest[cosigned.checkpoint.origin] = cosigned
        return record

    def latest(self, origin: str) -> Cosigned | None:
        """Return what was cosigned last of a log."""
        return self._latest.get(origin)

    def all(self) -> tuple[Cosigned, ...]:
        """Return what was cosigned last of every log."""
        return tuple(self._latest.values())

    def put(self, note: Note) -> Cosigned:
        """Make a cosigned checkpoint the latest of its log; durable on return.

        Raises `RecordProblem`; after it, nothing of the note may be told. Where nobody can know
        what the disk holds now, the record is fenced until it is opened anew.
        """
        if self.fenced:
            raise RecordProblem("The record is fenced: a write failed. Start the witness again.")
        cosigned = Cosigned(note, self._own)
        origin = cosigned.checkpoint.origin
        try:
            durable.replace(self._directory / file_name(origin), note.encode())
        except OSError as problem:
            self.fenced = problem.errno not in _RETRIED
            raise RecordProblem(f"The record cannot be written: {problem.strerror}.") from problem
        self._latest[origin] = cosigned
        return cosigned


def file_name(origin: str) -> str:
    """Return the name under which a log's latest checkpoint is kept, and served."""
    return sha256(origin.encode()).hexdigest()
