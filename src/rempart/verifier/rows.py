"""What was read of the openings of a bundle, as small as it can be kept: millions fit in memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from rempart.tlog.errors import Malformed
from rempart.tlog.text import decimal
from rempart.verifier.leaf import INTENT, LISTS, OUTCOME, Leaf

SHOWN_MAX = 10
_INDEX_BYTES, _ROW_BYTES = 8, 40


@dataclass(frozen=True, slots=True)
class Statement:
    """What entry `index` says was handed out: `count` entries from `start` up to `to`."""

    index: int
    method: str
    container: str
    start: int
    to: int
    count: int
    digest: str


class Tally(msgspec.Struct, frozen=True):
    """How many entries there are, by what people ask for."""

    kinds: Counter[str] = msgspec.field(default_factory=Counter)
    principals: Counter[str] = msgspec.field(default_factory=Counter)
    resources: Counter[str] = msgspec.field(default_factory=Counter)
    keys: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, leaf: Leaf) -> None:
        """Count an entry."""
        self.kinds[leaf.kind] += 1
        self.principals[leaf.principal] += 1
        self.resources[leaf.resource] += 1
        if leaf.key:
            self.keys[leaf.key] += 1

    def lines(self) -> list[str]:
        """Return what to show: of each the most frequent."""
        told = []
        for name, counts in msgspec.structs.asdict(self).items():
            told += [f"    {name}: {len(counts)}"] if counts else []
            told += [f"    {n:>9} {it or '(none)'}" for it, n in counts.most_common(SHOWN_MAX)]
        return told


class Rows:
    """Indices and commitments in order: the very bytes that a statement's digest is over."""

    def __init__(self) -> None:
        self.indices = array("Q")
        self.statements: list[Statement] = []
        self._content = bytearray()
        self._names: dict[str, int] = {}
        self._containers = array("L")

    def __len__(self) -> int:
        return len(self.indices)

    def add(self, index: int, commitment: bytes, leaf: Leaf) -> None:
        """Keep what is needed of an opening; raises `Malformed` for a statement that says less."""
        self.indices.append(index)
        self._content += index.to_bytes(_INDEX_BYTES, "big") + commitment
        self._containers.append(self._names.setdefault(leaf.container, len(self._names)))
        if leaf.method in LISTS and "digest" in leaf.facts:
            self.statements.append(_statement(index, leaf))

    def commitments(self) -> Iterator[tuple[int, bytes]]:
        """Iterate over each index and its commitment."""
        for at, index in enumerate(self.indices):
            start = at * _ROW_BYTES + _INDEX_BYTES
            yield index, bytes(self._content[start : start + _ROW_BYTES - _INDEX_BYTES])

    def has(self, index: int) -> bool:
        """Tell whether the entry is among them."""
        at = bisect_left(self.indices, index)
        return at < len(self.indices) and self.indices[at] == index

    def found(self, start: int, to: int, container: str = "") -> tuple[int, str]:
        """Return count and digest of what is there from `start` up to `to`, of one container."""
        first, last = bisect_left(self.indices, start), bisect_left(self.indices, to)
        if not container or len(self._names) == 1:
            content = memoryview(self._content)[first * _ROW_BYTES : last * _ROW_BYTES]
            return max(0, last - first), sha256(content).hexdigest()
        hashed, count, number = sha256(), 0, self._names.get(container)
        for at in range(first, last):
            if self._containers[at] == number:
                count += 1
                hashed.update(self._content[at * _ROW_BYTES : (at + 1) * _ROW_BYTES])
        return count, hashed.hexdigest()


class Pairs:
    """Intents, and the outcomes that end them."""

    def __init__(self, start: int, to: int) -> None:
        self._span = range(start, to)
        self.open: dict[int, str] = {}
        """The request of each intent that nothing has ended yet, by its index."""
        self.paired = 0
        self.before = 0
        """Outcomes whose intent is older than what the bundle opens."""

    def fault(self, index: int, leaf: Leaf) -> str:
        """Take an entry; return what is wrong with it, or nothing."""
        if leaf.kind == INTENT:
            self.open[index] = leaf.request
        if leaf.kind != OUTCOME or leaf.intent is None:
            return ""
        if 0 <= leaf.intent < self._span.start:
            self.before += 1
            return ""
        if self.open.pop(leaf.intent, None) != leaf.request:
            return (
                f"Entry {index} ends intent {leaf.intent}, which is of another request, was ended"
                " before, or is not in the bundle."
            )
        self.paired += 1
        return ""


def _statement(index: int, leaf: Leaf) -> Statement:
    facts = leaf.facts
    try:
        start, to, count = (decimal(facts[name]) for name in ("from", "to", "count"))
    except (KeyError, Malformed):
        raise Malformed(f"Entry {index} states what was handed out, but not in numbers.") from None
    return Statement(index, leaf.method, leaf.container, start, to, count, facts["digest"])
