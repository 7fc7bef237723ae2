"""Removes what opens old entries of reads and refusals, once nobody may keep it any longer.

The entries themselves stay, so the tree stays provable; without its salt an entry says nothing.
Outcomes and intents are kept as long as the universe: what is stored is vouched for by them. The
removal is itself an entry, in the same commit.
"""

from __future__ import annotations

import msgspec

from rempart.core.clock import Clock
from rempart.engine.seam import Prune
from rempart.tlog.commitment import digest
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import Entry, SealedEngine
from rempart.trust.witness.leaf import EVENT, FEED, REFUSAL, USE, Leaf, decode, encode
from rempart.trust.witness.log import PublishedLog

PAGE = 1000
METHOD = "rempart.log.prune"
PRUNED_KINDS = frozenset((USE, REFUSAL))
_DAY = 86_400_000_000


class Pruned(msgspec.Struct, frozen=True, gc=False):
    """Up to which entry the log was gone through."""

    until: int = 0


PRUNED: Kind[Pruned] = Kind(b"?", Pruned)
"""One document, by the feed's name."""


class Pruner:
    """Goes through the log from where it was; `days` is how long reads and refusals are kept."""

    def __init__(self, sealed: SealedEngine, log: PublishedLog, clock: Clock, *, days: int) -> None:
        self._sealed = sealed
        self._log = log
        self._clock = clock
        self._days = days

    async def run(self) -> None:
        """Prune what is old enough and under a published checkpoint."""
        while await self._page():
            pass

    async def _page(self) -> bool:
        """Prune a page; tell whether there may be more."""
        head = await self._log.head()
        tx = self._sealed.transaction()
        start = (await tx.get(PRUNED, FEED) or Pruned()).until
        published = head.published_size if head else 0
        entries = await tx.entries(FEED, start, limit=max(0, min(PAGE, published - start)))
        before = self._clock() - self._days * _DAY
        old = [one for one in entries if _time(one) < before]
        if not old:
            return False
        gone = [one for one in old if _kind(one) in PRUNED_KINDS]
        end = old[-1].index + 1
        tx.put(PRUNED, FEED, value=Pruned(end))
        if gone:
            tx.prune(Prune(FEED, one.index) for one in gone)
            tx.append(FEED, encode(self._leaf(start, end, gone)))
        await tx.commit()
        return len(old) == len(entries)

    def _leaf(self, start: int, end: int, gone: list[Entry]) -> Leaf:
        facts = {
            "from": str(start),
            "to": str(end),
            "count": str(len(gone)),
            "digest": digest((one.index, one.commitment) for one in gone),
        }
        return Leaf(
            kind=EVENT,
            time=self._clock(),
            request="",
            method=METHOD,
            principal="system",
            facts=facts,
        )


def _time(entry: Entry) -> int:
    return decode(entry.content).time if entry.content else 0


def _kind(entry: Entry) -> str:
    return decode(entry.content).kind if entry.content else ""
