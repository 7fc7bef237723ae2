"""Checkpoints (C2SP tlog-checkpoint): what a log signs about its tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.text import decimal, decode_hash, encode_base64

_LINES_MIN = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log of that origin has `size` leaves under this root.

    `extensions` are the log's own lines after these three, of which no cosigner says anything.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the text of the note that says so."""
        lines = [self.origin, str(self.size), encode_base64(self.root), *self.extensions]
        return "".join(f"{line}\n" for line in lines)

    def check_origin(self, names: Iterable[str]) -> None:
        """Raise `Refuted` unless the origin is one of these names of logs; it tells all names."""
        known = tuple(names)
        if self.origin not in known:
            named = " or ".join(known) or "one that is trusted"
            raise Refuted(f"The checkpoint is of another log: {self.origin}, not {named}.")


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that a note's text is; raises `Malformed`."""
    *lines, rest = text.split("\n")
    if rest or len(lines) < _LINES_MIN or not all(lines):
        raise Malformed("A checkpoint has three lines or more, none of them empty.")
    if any(letter < " " or letter == "\x7f" for line in lines for letter in line):
        raise Malformed("A checkpoint has no control characters.")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, decimal(size), decode_hash(root), tuple(extensions))
