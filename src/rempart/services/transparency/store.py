"""Entries of the log by whose they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from rempart.core.errors import unreachable
from rempart.core.grant import Grant
from rempart.tlog.commitment import Opening
from rempart.trust.custody.sealed import Entry, SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import level_name, levels
from rempart.trust.witness.leaf import FEED, decode

LOOKED_AT_MAX = 20_000
"""Entries of the log that one call looks at."""

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry of the log, and what opens it."""

    index: int
    opening: Opening


class Openings:
    """The log as one session reads it."""

    def __init__(self, sealed: SealedEngine, tx: Transaction) -> None:
        self._sealed = sealed
        self._tx = tx
        self._within: dict[str, bool] = {}

    async def list(
        self, grant: Grant, container: str, start: int, limit: int
    ) -> tuple[list[Opened], int, bool]:
        """Return up to `limit` opened entries from an index on, where that ends, if more follows.

        What was pruned cannot be opened and is not among them.
        """
        found: list[Opened] = []
        end = start
        async for entry in self._entries(start):
            if len(found) == limit or entry.index - start >= LOOKED_AT_MAX:
                return found, end, True
            end = entry.index + 1
            if entry.opening is not None and await self._is_of(entry.opening, container):
                found.append(Opened(entry.index, entry.opening))
        return found, end, False

    async def entry(self, index: int) -> Opened:
        """Return an entry that is in the log, opened."""
        [entry] = await self._tx.entries(FEED, index, limit=1)
        if entry.opening is None:
            unreachable("an entry that was made just now opens")
        return Opened(entry.index, entry.opening)

    async def _entries(self, start: int) -> AsyncIterator[Entry]:
        while page := await self._tx.entries(FEED, start, limit=PAGE):
            for entry in page:
                yield entry
            start = page[-1].index + 1

    async def _is_of(self, opening: Opening, container: str) -> bool:
        """Tell whether an entry is of a project, folder or organization, or of one within."""
        own = decode(opening.content).container
        if own not in self._within:
            names = [level_name(one) for one in await levels(self._sealed, own)] if own else []
            self._within[own] = bool(own) and container in (own, *names)
        return self._within[own]
