"""Whether what can no longer be opened was pruned: each gap is within what an entry says of it."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

from rempart.tlog.commitment import digest
from rempart.tlog.text import HASH_BYTES
from rempart.trust.witness.leaf import EVENT, Leaf
from rempart.trust.witness.pruner import METHOD
from rempart.trust.witness.verify import Broken


@dataclass(slots=True)
class Prunings:
    """The gaps of a log, and what its own entries say was pruned."""

    indices: array[int] = field(default_factory=lambda: array("Q"))
    commitments: bytearray = field(default_factory=bytearray)
    stated: list[tuple[int, int, int, str]] = field(default_factory=list)

    def gap(self, index: int, commitment: bytes) -> None:
        """Take in an entry that nothing opens any more."""
        self.indices.append(index)
        self.commitments += commitment

    def note(self, leaf: Leaf) -> None:
        """Take in an entry that may say what was pruned."""
        if leaf.kind == EVENT and leaf.method == METHOD:
            facts = leaf.facts
            span = int(facts["from"]), int(facts["to"])
            self.stated.append((*span, int(facts["count"]), facts["digest"]))

    def check(self) -> int:
        """Return how many entries were pruned; raises `Broken` where one is gone otherwise."""
        after = 0
        for start, end, count, digested in sorted(self.stated):
            self._explained(after, start)
            first, last = bisect_left(self.indices, start), bisect_left(self.indices, end)
            gone = ((self.indices[at], self._commitment(at)) for at in range(first, last))
            if last - first != count or digest(gone) != digested:
                raise Broken(
                    f"{count} entries from {start} up to {end} were pruned, says the log;"
                    f" {last - first} of them do not open, or others."
                )
            after = max(after, end)
        self._explained(after, None)
        return len(self.indices)

    def _explained(self, start: int, end: int | None) -> None:
        at = bisect_left(self.indices, start)
        if at < len(self.indices) and (end is None or self.indices[at] < end):
            raise Broken(f"Entry {self.indices[at]} has lost what opens it, and was not pruned.")

    def _commitment(self, at: int) -> bytes:
        return bytes(self.commitments[at * HASH_BYTES : (at + 1) * HASH_BYTES])
