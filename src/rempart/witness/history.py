"""What a witness saw, for people: `history.jsonl`, a line for each checkpoint and its fate.

It decides nothing. Only what a known log's key signed is in it, and each refused checkpoint once,
so that a stranger cannot fill the disk. A line about two roots of one size holds both signed notes:
it is evidence that convinces anyone who has the log's key. One about a tree smaller than was
cosigned holds the signed note, and proves less: an old checkpoint is public, and anybody can send
it again. A log that goes on from what was cosigned was not put back.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from rempart.core.limits import MIB
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.note import Note

FILE_NAME = "history.jsonl"
BYTES_MAX = 64 * MIB
"""Then the file is put aside as `history.jsonl.1`, in the place of an older one."""

REFUSED_MAX = 10_000
"""Refusals of a kind, in one file and run, that are told apart; beyond them none is written."""

SMALLER_MAX = 10
"""As many checkpoints are told of that are smaller than the latest of a log, until it grows."""

COSIGNED, REFUSED, FORK, SMALLER = "cosigned", "refused", "fork", "smaller"


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. `seconds` since 1970, `root` in hexadecimal.

    `after` is the size that was cosigned before a smaller one came.
    """

    kind: str
    seconds: int
    origin: str
    size: int
    root: str
    cause: str = ""
    after: int = 0
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


def smaller(seen: Checkpoint, latest: Checkpoint, seconds: int, note: Note) -> Line:
    """Return the line about a checkpoint that is smaller than the latest of its log."""
    cause = f"Size {latest.size} was cosigned before."
    told = line(SMALLER, seen, seconds, cause, (note,))
    return msgspec.structs.replace(told, after=latest.size)


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Line)


class History:
    """The one writer of the history; its calls block."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE_NAME
        self._told: defaultdict[str, set[tuple[str, int, str]]] = defaultdict(set)
        self._smaller: dict[str, tuple[int, set[tuple[str, int, str]]]] = {}

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
            self._told.clear()  # what still stands is told again, in the new file
            self._smaller.clear()

    def _is_new(self, told: Line) -> bool:
        if told.kind != SMALLER:
            return _adds(self._told[told.kind], told, REFUSED_MAX)
        after, known = self._smaller.get(told.origin, (-1, set()))
        if after != told.after:
            known = set()
            self._smaller[told.origin] = told.after, known
        return _adds(known, told, SMALLER_MAX)


def _adds(known: set[tuple[str, int, str]], told: Line, most: int) -> bool:
    one = (told.origin, told.size, told.root)
    if one in known or len(known) >= most:
        return False
    known.add(one)
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


def standing(lines: Iterable[Line], sizes: Mapping[str, int]) -> tuple[Line, ...]:
    """Return the last smaller checkpoint of each log that has not grown since.

    `sizes` are the latest that were cosigned, by origin.
    """
    found = {
        line.origin: line
        for line in lines
        if line.kind == SMALLER and line.after == sizes.get(line.origin)
    }
    return tuple(found.values())
