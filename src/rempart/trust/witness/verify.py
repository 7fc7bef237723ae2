"""Walking the log: what `rempart verify` checks, with nothing trusted but the keys.

1. Positions are contiguous from 0 and each entry's chain value follows from the one before.
2. The last chain value is the one that the engine calls the head.
3. Each entry opens under the universe's key and reads as a leaf.
4. Each outcome that names an intent comes after that intent, of the same request.

An entry whose content was pruned keeps its place and its commitment; nothing of it is read. Whether
it was pruned, or its content deleted, `prunings` tells.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec

from rempart.engine.seam import GENESIS, Engine, FeedEntry, chain
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import FEED, INTENT, KINDS, OUTCOME, Leaf, decode

PAGE = 1000
Gap = Callable[[int, bytes], None]


class Broken(Exception):  # noqa: N818 - it is named for what was found
    """The log does not hold; the message names the entry and what is wrong with it."""


@dataclass(slots=True)
class Walk:
    """A walk over the log: how far it came, and what it saw; `commitment` is the last entry."""

    entries: int = 0
    outcomes: int = 0
    head: bytes = GENESIS
    commitment: bytes = b""
    intents: dict[int, str] = field(default_factory=dict)


def _nothing(_index: int, _commitment: bytes) -> None:
    """Pass over a gap."""


async def walk(
    engine: Engine, sealed: SealedEngine, seen: Walk, gap: Gap = _nothing
) -> AsyncIterator[Leaf]:
    """Iterate over the leaves of a log that holds; raise `Broken` at the first that does not.

    `gap` hears of each entry that nothing opens any more.
    """
    while page := await engine.feeds.read(FEED, seen.entries, limit=PAGE):
        for entry in page:
            if entry.index != seen.entries:
                raise Broken(f"Entry {seen.entries} is missing: the next one is {entry.index}.")
            seen.head = chain(seen.head, entry.entry)
            if seen.head != entry.chain:
                raise Broken(f"Entry {entry.index} does not follow from the one before it.")
            leaf = _leaf(sealed, entry)
            seen.entries, seen.commitment = seen.entries + 1, entry.entry
            if leaf is None:
                gap(entry.index, entry.entry)
                continue
            _follow(seen, entry.index, leaf)
            yield leaf
    count, head = await engine.feeds.head(FEED)
    if (count, head) != (seen.entries, seen.head):
        raise Broken(f"The log ends after {seen.entries} entries; its head says {count}.")


def _leaf(sealed: SealedEngine, entry: FeedEntry) -> Leaf | None:
    try:
        opening = sealed.open_entry(FEED, entry)
        return decode(opening.content) if opening else None
    except Tampered:
        raise Broken(f"Entry {entry.index} does not open under this universe's key.") from None
    except msgspec.DecodeError as problem:
        raise Broken(f"Entry {entry.index} is not a leaf: {problem}.") from problem


def _follow(seen: Walk, index: int, leaf: Leaf) -> None:
    if leaf.kind == INTENT:
        seen.intents[index] = leaf.request
        return
    if leaf.kind not in KINDS:
        raise Broken(f"Entry {index} is of a kind that is not known.")
    if leaf.kind != OUTCOME:
        return
    seen.outcomes += 1
    if leaf.intent is not None and seen.intents.pop(leaf.intent, None) != leaf.request:
        raise Broken(f"Entry {index} names an intent of another request, or one used before.")
