"""Whether the log vouches for what Cloud Storage holds: every generation has its entry."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TypeVar

from rempart.engine.seam import Span
from rempart.services.storage.kinds import BUCKET, LIVE, NONCURRENT
from rempart.services.storage.model.object import Object
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import Leaf

BATCH = 1000
T = TypeVar("T")


class Ledger:
    """The generations that the log says were made."""

    def __init__(self) -> None:
        self._made: set[bytes] = set()

    def note(self, leaf: Leaf) -> None:
        """Take in a leaf."""
        facts = leaf.facts
        if "generation" in facts and "object" in facts:
            self._made.add(_mark(facts["bucket"], facts["object"], facts["generation"]))

    async def unvouched(self, sealed: SealedEngine) -> tuple[int, list[str]]:
        """Return how many generations there are, and those that the log does not know."""
        total, unknown = 0, []
        async for bucket, found in _all_objects(sealed):
            total += 1
            if _mark(bucket, found.name, str(found.generation)) not in self._made:
                unknown.append(f"gs://{bucket}/{found.name}#{found.generation}")
        return total, unknown


def _mark(bucket: str, name: str, generation: str) -> bytes:
    return hashlib.sha256(f"{bucket}\x00{name}\x00{generation}".encode()).digest()[:16]


async def _all_objects(sealed: SealedEngine) -> AsyncIterator[tuple[str, Object]]:
    async for bucket in each(sealed, BUCKET, BUCKET.under()):
        for kind in (LIVE, NONCURRENT):
            async for found in each(sealed, kind, kind.under(bucket.id)):
                yield bucket.name, found


async def each(sealed: SealedEngine, kind: Kind[T], span: Span) -> AsyncIterator[T]:
    """Iterate over all documents of a span, a page at a time."""
    while found := await sealed.scan(kind, span, limit=BATCH):
        for one in found:
            yield one.value
        span = span.after(found[-1].key)
