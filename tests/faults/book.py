"""What must hold after each acknowledgement: the harness's own model of what it was told.

Keys name what a client can see: `bucket/B`, `object/B/O`, `version/B/O/GENERATION`, `session/B/ID`,
`iam/B`. A value says what a look must show; None says that nothing may be there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Fields = dict[str, Any]
State = dict[str, Fields | None]

DONE, MAYBE, REFUSED = "ACK", "MAYBE", "REFUSED"


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation as the workload reported it.

    `changes` are what it does, known before it began; after an acknowledgement they also hold what
    the answer told. `receipt` is where the log has it.
    """

    number: int
    name: str
    outcome: str
    changes: State
    receipt: str = ""


@dataclass(slots=True)
class Book:
    """What a workload reported, in order."""

    entries: list[Entry] = field(default_factory=list)
    ended: bool = False
    fenced: bool = False

    @property
    def acknowledged(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.outcome == DONE]

    def candidates(self) -> list[State]:
        """Return the states that are right: with each unacknowledged operation, or with none."""
        unsure = [entry for entry in self.entries if entry.outcome == MAYBE]
        return [fold(self.acknowledged)] + [
            fold(entry for entry in self.entries if entry.outcome == DONE or entry is one)
            for one in unsure
        ]


def fold(entries: Iterable[Entry]) -> State:
    state: State = {}
    for entry in entries:
        state |= entry.changes
    return state


def read(said: bytes) -> Book:
    """Return the book of a workload's output; a line that was cut by the kill does not count."""
    book = Book()
    begun: Entry | None = None
    for line in said.split(b"\n")[:-1]:
        word, _, rest = line.partition(b" ")
        if not rest:
            book.ended |= word == b"END"
            book.fenced |= word == b"FENCED"
            continue
        number, name, document = rest.decode().split(" ", 2)
        value = json.loads(document)
        if word == b"BEGIN":
            begun = Entry(int(number), name, MAYBE, value["changes"])
        elif begun is not None:
            entry = Entry(
                int(number), name, word.decode(), value["changes"], value.get("receipt", "")
            )
            book.entries.append(entry)
            begun = None
    if begun is not None:
        book.entries.append(begun)
    return book
