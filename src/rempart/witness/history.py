"""What a witness saw, for people: `history.jsonl`, a line for each checkpoint and its fate.

It decides nothing. Only what a known log's key signed is in it, and each refused checkpoint once,
so that a stranger cannot fill the disk. A line about two roots of one size holds both signed notes:
it is evidence that convinces anyone who has the log's key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rempart.core.limits import MIB
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.note import Note

FILE_NAME = "history.jsonl"
BYTES_MAX = 64 * MIB
"""Then the file is put aside as `history.jsonl.1`, in the place of an older one."""

REFUSED_MAX = 10_000
"""Refusals of one run that are told apart; beyond them none is written."""

COSIGNED, REFUSED, FORK = "cosigned", "refused", "fork"


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. `seconds` since 1970, `root` in hexadecimal."""

    kind: str
    seconds: int
    origin: str
    size: int
    root: str
    cause: str = ""
    notes: tuple[str, ...] = ()


def line(
    kind: str, seen: Checkpoint, seconds: int, cause: str = "", notes: tuple[Note, ...] = ()
) -> Line:
    """Return the line about a checkpoint."""
    return Line(
        kind=kind,
        seconds=seconds,
        origin=seen.origin,
        size=seen.size,
        root=seen.root.hex(),
        cause=cause,
        notes=tuple(note.encode().decode() for note in notes),
    )


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Line)


class History:
    """The one writer of the history; its calls block."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE_NAME
        self._refused: set[tuple[str, int, str, str]] = set()

    def tell(self, told: Line) -> None:
        """Write an event; a fork is on disk when this returns."""
        if told.kind != COSIGNED and not self._is_new(told):
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(_encode(told) + b"\n")
            file.flush()
            if told.kind == FORK:
                os.fsync(file.fileno())
            full = file.tell() > BYTES_MAX
        if full:
            self._path.replace(self._path.with_suffix(".jsonl.1"))

    def _is_new(self, told: Line) -> bool:
        refused = (told.origin, told.size, told.root, told.kind)
        if refused in self._refused or len(self._refused) >= REFUSED_MAX:
            return False
        self._refused.add(refused)
        return True


def read(data: Path) -> Iterator[Line]:
    """Iterate over what is on record, oldest first; a line that a crash cut short is left out."""
    for name in (f"{FILE_NAME}.1", FILE_NAME):
        path = data / name
        if not path.exists():
            continue
        with path.open("rb") as file:
            for content in file:
                try:
                    yield _decoder.decode(content)
                except msgspec.DecodeError:
                    continue
