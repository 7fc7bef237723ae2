"""An engine in memory: the seam's promises in the plainest form, and the reference for others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from rempart.core.clock import Clock, system_clock
from rempart.engine.seam import (
    GENESIS,
    SCAN_RECORDS_MAX,
    Append,
    Batch,
    BlobId,
    Committed,
    Conflict,
    FeedEntry,
    Fenced,
    Key,
    Lease,
    Missing,
    PayloadId,
    Position,
    Record,
    Span,
    chain,
)


@dataclass
class MemoryRecords:
    records: dict[Key, Record] = field(default_factory=dict)
    payloads: dict[PayloadId, bytes] = field(default_factory=dict)
    feeds: dict[str, list[FeedEntry]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    version: int = 0

    async def get(self, key: Key) -> Record | None:
        return self.records.get(key)

    async def scan(self, span: Span, *, limit: int, reverse: bool = False) -> list[Record]:
        return self._within(span, reverse=reverse)[: min(limit, SCAN_RECORDS_MAX)]

    async def payload(self, payload_id: PayloadId) -> bytes | None:
        return self.payloads.get(payload_id)

    async def commit(self, batch: Batch) -> Committed:
        self._check(batch)
        self.version += 1
        for key in batch.deletes:
            self.records.pop(key, None)
        for key, value in batch.puts:
            self.records[key] = Record(key, self.version, value)
        self.payloads.update(batch.payloads)
        for payload in batch.payload_deletes:
            self.payloads.pop(payload, None)
        for prune in batch.prunes:
            entries = self.feeds.get(prune.feed, [])
            if prune.index < len(entries):
                entries[prune.index] = replace(entries[prune.index], content=b"")
        positions = tuple(self._append(item) for item in batch.appends)
        return Committed(self.version, positions)

    def _check(self, batch: Batch) -> None:
        if batch.fence is not None:
            name, number = batch.fence
            lease = self.leases.get(name)
            if lease is None or number != lease.fence:
                raise Fenced(name)
        for expect in batch.expects:
            found = self.records.get(expect.key)
            if (found.version if found else 0) != expect.version:
                raise Conflict("a record has another version")
        if any(self._within(span) for span in batch.empties):
            raise Conflict("a span is not empty")

    def _within(self, span: Span, *, reverse: bool = False) -> list[Record]:
        keys = sorted(self.records)
        inside = keys[bisect_left(keys, span.start) : bisect_left(keys, span.end)]
        return [self.records[key] for key in (reversed(inside) if reverse else inside)]

    def _append(self, append: Append) -> Position:
        entries = self.feeds.setdefault(append.feed, [])
        link = chain(entries[-1].chain if entries else GENESIS, append.entry)
        entries.append(FeedEntry(len(entries), link, append.entry, append.content))
        return Position(append.feed, len(entries) - 1, link)


@dataclass
class MemoryFeeds:
    entries: dict[str, list[FeedEntry]]

    async def head(self, feed: str) -> tuple[int, bytes]:
        entries = self.entries.get(feed, [])
        return len(entries), entries[-1].chain if entries else GENESIS

    async def read(self, feed: str, start: int, *, limit: int) -> list[FeedEntry]:
        return self.entries.get(feed, [])[start : start + limit]


@dataclass
class MemoryBlobReader:
    content: bytes

    @property
    def length(self) -> int:
        return len(self.content)

    async def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    async def close(self) -> None:
        return None


@dataclass
class MemoryBlobWriter:
    blobs: dict[BlobId, bytes]
    blob: BlobId
    pieces: list[bytes] = field(default_factory=list)

    async def write(self, data: bytes) -> None:
        self.pieces.append(bytes(data))

    async def finish(self) -> None:
        self.blobs[self.blob] = b"".join(self.pieces)

    async def abort(self) -> None:
        self.pieces.clear()


@dataclass
class MemoryBlobs:
    blobs: dict[BlobId, bytes] = field(default_factory=dict)

    async def create(self, blob: BlobId) -> MemoryBlobWriter:
        return MemoryBlobWriter(self.blobs, blob)

    async def open(self, blob: BlobId) -> MemoryBlobReader:
        if blob not in self.blobs:
            raise Missing(blob)
        return MemoryBlobReader(self.blobs[blob])

    async def delete(self, blob: BlobId) -> None:
        self.blobs.pop(blob, None)

    async def list(self) -> AsyncIterator[BlobId]:
        for blob in tuple(self.blobs):
            yield blob


@dataclass
class MemoryLeases:
    leases: dict[str, Lease]
    clock: Clock

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        now = self.clock() / 1_000_000
        held = self.leases.get(name)
        if held is None:
            lease = Lease(name, holder, 1, now + seconds)
        elif held.expires <= now:
            lease = Lease(name, holder, held.fence + 1, now + seconds)
        elif held.holder == holder:
            lease = replace(held, expires=now + seconds)
        else:
            return None
        self.leases[name] = lease
        return lease

    async def release(self, lease: Lease) -> None:
        held = self.leases.get(lease.name)
        if held is not None and held.fence == lease.fence and held.holder == lease.holder:
            self.leases[lease.name] = replace(held, expires=0.0)


class MemoryEngine:
    """The four ports on dictionaries; durable as long as the process lives."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self.records = MemoryRecords()
        self.blobs = MemoryBlobs()
        self.feeds = MemoryFeeds(self.records.feeds)
        self.leases = MemoryLeases(self.records.leases, clock)

    async def close(self) -> None:
        return None
