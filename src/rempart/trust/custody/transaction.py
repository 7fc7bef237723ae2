"""One transaction: what was read, decided and is to be written, together or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from rempart.engine.seam import (
    Append,
    Batch,
    BlobId,
    Committed,
    Expect,
    Key,
    PayloadId,
    Prune,
    Span,
    Unavailable,
)
from rempart.trust.custody.kind import Found, Kind, Part

if TYPE_CHECKING:
    from rempart.trust.custody.sealed import Entry, SealedEngine

T = TypeVar("T")


class Transaction:
    """Reads, decisions and writes that take effect together or not at all.

    A scan does not see this transaction's own writes and is not checked at commit: where emptiness
    matters, say so with `expect_empty`.
    """

    __slots__ = (
        "_after",
        "_appends",
        "_deletes",
        "_empties",
        "_expects",
        "_gone",
        "_payload_deletes",
        "_payloads",
        "_prunes",
        "_puts",
        "_reads",
        "_sealed",
    )

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._expects: dict[Key, int] = {}
        self._puts: dict[Key, tuple[Kind[Any], Any]] = {}
        self._deletes: set[Key] = set()
        self._gone: list[tuple[Kind[Any], Key, None]] = []
        self._empties: list[Span] = []
        self._payloads: list[tuple[PayloadId, bytes]] = []
        self._payload_deletes: list[PayloadId] = []
        self._appends: list[Append] = []
        self._prunes: list[Prune] = []
        self._reads: dict[Key, Any] = {}
        self._after: list[Callable[[], Awaitable[None]]] = []

    async def get(self, kind: Kind[T], *parts: Part) -> T | None:
        """Return a document; the commit fails if it changed meanwhile."""
        key = kind.key(*parts)
        if key in self._puts:
            value: T = self._puts[key][1]
            return value
        if key in self._deletes:
            return None
        if key in self._reads:
            seen: T | None = self._reads[key]
            return seen
        found = await self._sealed.find(kind, key)
        self._expects[key] = found.version if found else 0
        self._reads[key] = read = found.value if found else None
        return read

    async def scan(
        self, kind: Kind[T], span: Span, *, limit: int, reverse: bool = False
    ) -> list[Found[T]]:
        """Return up to `limit` committed documents of a span in key order."""
        return await self._sealed.scan(kind, span, limit=limit, reverse=reverse)

    async def length(self, feed: str) -> int:
        """Return how many entries a feed has, of those that are committed."""
        return await self._sealed.length(feed)

    async def entries(self, feed: str, start: int, *, limit: int) -> list[Entry]:
        """Return up to `limit` committed entries from a position on, opened."""
        return await self._sealed.entries(feed, start, limit=limit)

    async def payload(self, payload: PayloadId) -> bytes | None:
        """Return a payload as it was stored."""
        return await self._sealed.payload(payload)

    def put(self, kind: Kind[T], *parts: Part, value: T) -> None:
        """Write a document."""
        key = kind.key(*parts)
        self._deletes.discard(key)
        self._puts[key] = (kind, value)

    def delete(self, kind: Kind[T], *parts: Part) -> None:
        """Remove a document."""
        key = kind.key(*parts)
        self._puts.pop(key, None)
        self._deletes.add(key)
        if kind.hot:
            self._gone.append((kind, key, None))

    def expect_empty(self, span: Span) -> None:
        """Let the commit fail unless the span holds no document."""
        self._empties.append(span)

    def put_payload(self, payload: PayloadId, sealed: bytes) -> None:
        """Store a small sealed body."""
        self._payloads.append((payload, sealed))

    def delete_payload(self, payload: PayloadId) -> None:
        """Remove a small sealed body."""
        self._payload_deletes.append(payload)

    def delete_blob(self, blob: BlobId) -> None:
        """Remove a blob once the commit is durable."""
        self._after.append(lambda: self._sealed.delete_blobs((blob,)))

    def append(self, feed: str, content: bytes) -> bytes:
        """Append an entry to a feed; returns its commitment, by which the feed shows it."""
        self._appends.append(made := self._sealed.seal_entry(feed, content))
        return made.entry

    def prune(self, prunes: Iterable[Prune]) -> None:
        """Remove what opens entries of a feed; the entries stay."""
        self._prunes.extend(prunes)

    @property
    def writes(self) -> bool:
        """Tell whether the transaction would change a document."""
        return bool(self._puts or self._deletes or self._payloads)

    async def commit(self, fence: tuple[str, int] | None = None) -> Committed:
        """Make everything durable at once; raises `Conflict` if a read no longer holds.

        `fence` takes the place of the universe's, for who writes under a lease of its own.
        """
        puts = tuple(
            (key, self._sealed.seal(key, kind.encode(value)))
            for key, (kind, value) in self._puts.items()
        )
        changed = [(kind, key, value) for key, (kind, value) in self._puts.items() if kind.hot]
        committed = await self._sealed.commit(
            Batch(
                expects=tuple(Expect(key, version) for key, version in self._expects.items()),
                empties=tuple(self._empties),
                deletes=tuple(self._deletes),
                puts=puts,
                payloads=tuple(self._payloads),
                payload_deletes=tuple(self._payload_deletes),
                appends=tuple(self._appends),
                prunes=tuple(self._prunes),
                fence=fence or self._sealed.fence,
            ),
            (*self._gone, *changed),
        )
        for action in self._after:
            # The commit stands: a blob that could not be removed now is an orphan for the sweep.
            with suppress(Unavailable):
                await action()
        return committed
