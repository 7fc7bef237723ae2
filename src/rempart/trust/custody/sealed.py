"""The sealed engine: typed documents whose every value is encrypted under its own key's name.

Services see `Transaction` only. A record's value is XAES-256-GCM over MessagePack with
the record's key as associated data (docs/spec/record.md): a value that was moved to another key
does not open. Reads made in a transaction are checked again when it commits, so a function that
reads, decides and writes is serializable without holding a lock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from rempart.core.clock import Random
from rempart.core.errors import data_loss
from rempart.engine.seam import (
    Append,
    Batch,
    BlobId,
    Committed,
    Engine,
    FeedEntry,
    Key,
    PayloadId,
    Record,
    Span,
)
from rempart.tlog.commitment import SALT_BYTES, Opening, commitment
from rempart.trust.custody.bodies import Bodies
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.custody.transaction import Transaction
from rempart.trust.custody.xaes import XAES256GCM

T = TypeVar("T")

SCANNED_AT_ONCE = 500

FRESH_OPENINGS_MAX = 8192
"""Openings of new feed entries that stay in memory until they are first asked for."""

_RECORD_CONTEXT = b"rempart.record.v1\x00"
_FEED_CONTEXT = b"rempart.feed.v1\x00"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An entry of a feed: its position, its commitment, and what opens that unless pruned."""

    index: int
    chain: bytes
    commitment: bytes
    opening: Opening | None

    @property
    def content(self) -> bytes:
        """Return the content, empty where it was pruned."""
        return self.opening.content if self.opening else b""


class Watch:
    """How often documents of some hot kinds were written since the watch began.

    As long as `changes` is the same, what was concluded from such documents still stands. While it
    is in doubt whether a commit will happen, it is never the same twice.
    """

    __slots__ = ("_count", "_doubtful")

    def __init__(self, doubtful: Mapping[Key, int]) -> None:
        self._count = 0
        self._doubtful = doubtful

    @property
    def changes(self) -> int:
        """Return a number that tells one state of the documents from every later one."""
        if self._doubtful:
            self._count += 1
        return self._count

    def wrote(self) -> None:
        """Say that a document was written, or may have been."""
        self._count += 1


class SealedEngine:
    """An engine whose documents and feed entries are encrypted before they reach it."""

    def __init__(
        self, engine: Engine, *, key: bytes, random: Random, bodies: Bodies | None = None
    ) -> None:
        self._engine = engine
        self._bodies = bodies or Bodies(engine.blobs, random)
        self._cipher = XAES256GCM(key)
        self._random = random
        self._hot: dict[bytes, OrderedDict[Key, Found[Any]]] = {}
        self._fresh: dict[bytes, Opening] = {}
        self._commits = 0
        self._begun = 0
        self._doubtful: dict[Key, int] = {}
        self._watches: dict[bytes, list[Watch]] = {}
        self.fence: tuple[str, int] | None = None
        """The lease under which this process writes, where the engine could serve several."""

    async def find(self, kind: Kind[T], key: Key) -> Found[T] | None:
        """Return the document at a key, or None."""
        if kind.hot:
            hot = self._hot.get(kind.tag)
            kept = hot.get(key) if hot is not None else None
            if kept is not None:
                return kept
        seen = self._commits
        record = await self._engine.records.get(key)
        if record is None:
            return None
        found = self._open(kind, record)
        if kind.hot and seen == self._commits:
            self._keep(kind, found)
        return found

    def authentic(self, record: Record) -> bool:
        """Tell whether a record's value was sealed for its key by this universe."""
        try:
            self._cipher.open(record.value, _RECORD_CONTEXT + record.key)
        except Tampered:
            return False
        return True

    def watch(self, kinds: Iterable[Kind[Any]]) -> Watch:
        """Return a count of what is written to hot kinds, for who remembers conclusions."""
        made = Watch(self._doubtful)
        for kind in kinds:
            self._watches.setdefault(kind.tag, []).append(made)
        return made

    async def scan(
        self, kind: Kind[T], span: Span, *, limit: int, reverse: bool = False
    ) -> list[Found[T]]:
        """Return up to `limit` documents of a span in key order.

        Of a hot kind, what is in memory in the version that the scan found is not opened again.
        """
        records = await self._engine.records.scan(span, limit=limit, reverse=reverse)
        kept = self._hot.get(kind.tag)
        if not kept:
            return [self._open(kind, record) for record in records]
        return [
            found
            if (found := kept.get(record.key)) and found.version == record.version
            else self._open(kind, record)
            for record in records
        ]

    async def payload(self, payload: PayloadId) -> bytes | None:
        """Return a payload as it was stored: its writer sealed it."""
        return await self._engine.records.payload(payload)

    def open_entry(self, feed: str, entry: FeedEntry) -> Opening | None:
        """Return what opens a feed entry, None where that was pruned; raises `Tampered`."""
        if not entry.content:
            return None
        fresh = self._fresh.pop(entry.entry, None)
        if fresh is not None:
            return fresh
        plain = self._cipher.open(entry.content, _FEED_CONTEXT + feed.encode())
        opening = Opening(plain[:SALT_BYTES], plain[SALT_BYTES:])
        if not opening.opens(entry.entry):
            raise Tampered
        return opening

    async def length(self, feed: str) -> int:
        """Return how many entries a feed has."""
        return (await self._engine.feeds.head(feed))[0]

    async def entries(self, feed: str, start: int, *, limit: int) -> list[Entry]:
        """Return up to `limit` entries from a position on, opened; raises `data_loss`."""
        found = await self._engine.feeds.read(feed, start, limit=limit)
        try:
            return [
                Entry(one.index, one.chain, one.entry, self.open_entry(feed, one)) for one in found
            ]
        except Tampered as problem:
            raise data_loss(f"An entry of {feed} failed authentication.") from problem

    def seal_entry(self, feed: str, content: bytes) -> Append:
        """Return a commitment to a content, and beside it what opens it, sealed."""
        opening = Opening(self._random(SALT_BYTES), content)
        shown = commitment(opening.salt, content)
        self._fresh[shown] = opening
        if len(self._fresh) > FRESH_OPENINGS_MAX:
            del self._fresh[next(iter(self._fresh))]
        context = _FEED_CONTEXT + feed.encode()
        sealed = self._cipher.seal(opening.salt + content, context, self._random)
        return Append(feed, shown, sealed)

    async def append(self, appends: tuple[Append, ...]) -> Committed:
        """Append entries that are in no transaction of a change; durable on return."""
        return await self._engine.records.commit(Batch(appends=appends, fence=self.fence))

    def transaction(self) -> Transaction:
        """Begin a transaction; nothing is held until it commits."""
        return Transaction(self)

    async def delete_blobs(self, blobs: Iterable[BlobId]) -> None:
        """Remove blobs that no committed record refers to any more."""
        await self._bodies.delete(blobs)

    async def commit(self, batch: Batch, hot: tuple[tuple[Kind[Any], Key, Any], ...]) -> Committed:
        """Commit a batch; `hot` has the new values of hot kinds, None for those that go.

        A commit whose caller gave up, or that failed, may yet happen: until one that was begun
        after it is done (engines commit in turn) nobody puts what it writes into memory.
        """
        self._begun += 1
        turn = self._begun
        try:
            committed = await self._engine.records.commit(batch)
        except BaseException:
            for kind, key, _ in hot:
                self._forget(kind, key)
                self._doubtful[key] = self._begun
            raise
        finally:
            self._commits += 1
            for kind, _, _ in hot:
                self._wrote(kind.tag)
        for key in [key for key, at in self._doubtful.items() if at < turn]:
            del self._doubtful[key]
            self._wrote(key[:1])
        for kind, key, value in hot:
            if value is None:
                self._forget(kind, key)
            else:
                self._keep(kind, Found(key, committed.version, value))
        return committed

    def _wrote(self, tag: bytes) -> None:
        for watch in self._watches.get(tag, ()):
            watch.wrote()

    def seal(self, key: Key, plain: bytes) -> bytes:
        """Return a record's value sealed under its key."""
        return self._cipher.seal(plain, _RECORD_CONTEXT + key, self._random)

    def _open(self, kind: Kind[T], record: Record) -> Found[T]:
        try:
            plain = self._cipher.open(record.value, _RECORD_CONTEXT + record.key)
            return Found(record.key, record.version, kind.decode(plain))
        except (Tampered, msgspec.DecodeError) as problem:
            raise data_loss("A stored document failed authentication.") from problem

    def _keep(self, kind: Kind[Any], found: Found[Any]) -> None:
        if found.key in self._doubtful:
            return
        held = self._hot.setdefault(kind.tag, OrderedDict())
        kept = held.get(found.key)
        if kept is None or kept.version <= found.version:
            held[found.key] = found
        if len(held) > kind.hot:
            held.popitem(last=False)

    def _forget(self, kind: Kind[Any], key: Key) -> None:
        held = self._hot.get(kind.tag)
        if held is not None:
            held.pop(key, None)


async def scanned(
    source: SealedEngine | Transaction, kind: Kind[T], span: Span
) -> AsyncIterator[Found[T]]:
    """Iterate over all committed documents of a span, a page at a time."""
    while found := await source.scan(kind, span, limit=SCANNED_AT_ONCE):
        for one in found:
            yield one
        span = span.after(found[-1].key)
