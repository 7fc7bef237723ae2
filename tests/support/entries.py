"""The log of a universe in memory, as tests read it."""

from __future__ import annotations

from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import FEED, Leaf, decode


async def last_entry(sealed: SealedEngine) -> Leaf:
    """Return the newest entry."""
    [entry] = await sealed.entries(FEED, await sealed.length(FEED) - 1, limit=1)
    return decode(entry.content)
