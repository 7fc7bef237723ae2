"""The ports of a storage engine, with their contracts.

Four ports, cut by consistency. An engine promises semantics, never a query language; the same
conformance suite runs on each. All byte values are opaque to the engine: custody has sealed them.

Rules that hold for every port:
* A coroutine that returned normally after a write has made the write durable: it survives a kill
  and a power cut at any later moment.
* A failed sync is never retried. The engine fences itself: this and every later write raises
  `Fenced`, and the process must end.
* `Conflict`, `Fenced`, `OutOfSpace` and `Unavailable` are the only failures of a correct call;
  after any of them nothing of the batch is applied.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NewType, Protocol

import msgspec

from rempart.tlog.tree import leaf_hash

Key = NewType("Key", bytes)
"""1 to `KEY_BYTES_MAX` bytes; keys are ordered as unsigned bytes."""

BlobId = NewType("BlobId", str)
"""32 lower-case hexadecimal digits, chosen by the caller, never reused."""

PayloadId = NewType("PayloadId", int)
"""1 to 2^63 - 1, chosen by the caller, never reused; rising ids are fastest."""

KEY_BYTES_MAX = 4096
SCAN_RECORDS_MAX = 10_000
GENESIS = bytes(32)
"""The chain value before a feed's first entry."""


class EngineError(Exception):
    """A failure of an engine."""


class Conflict(EngineError):  # noqa: N818 - an outcome that callers retry, not a fault
    """An expectation of the batch does not hold; nothing was applied."""


class Fenced(EngineError):  # noqa: N818
    """The engine can no longer promise durability, or lost its lease: the process must end."""


class OutOfSpace(EngineError):  # noqa: N818
    """The medium is full; nothing was applied and reads go on."""


class Unavailable(EngineError):  # noqa: N818
    """The engine cannot be reached at the moment; the outcome of a commit may be unknown."""


class Missing(EngineError):  # noqa: N818
    """A blob that is not there."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A stored document; `version` is the number of the commit that wrote it, from 1."""

    key: Key
    version: int
    value: bytes


class Expect(msgspec.Struct, frozen=True, gc=False):
    """A condition of a batch: the record at `key` has this version; 0 means that it is absent."""

    key: Key
    version: int


class Span(msgspec.Struct, frozen=True, gc=False):
    """The keys from `start` (inclusive) to `end` (exclusive)."""

    start: Key
    end: Key

    def after(self, key: bytes) -> Span:
        """Return what of the span comes after a key; all of it where the key is before it."""
        return Span(Key(max(self.start, key + b"\x00")), self.end)


class Append(msgspec.Struct, frozen=True, gc=False):
    """An entry to append to a feed, and a content beside it that the chain does not cover.

    The entry stays for ever; the content can be pruned. Who appends lets the entry commit to it.
    """

    feed: str
    entry: bytes
    content: bytes = b""


class Prune(msgspec.Struct, frozen=True, gc=False):
    """An entry of a feed whose content goes, for ever; nothing happens where there is none."""

    feed: str
    index: int


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What one commit does, all of it or nothing.

    `expects` and `empties` (spans that must hold no record) are checked against the state just
    before this batch; then deletes, puts, payloads, prunes and appends are applied. `fence` names a
    lease and the fencing number under which the caller writes: an older number raises `Fenced`.
    """

    expects: tuple[Expect, ...] = ()
    empties: tuple[Span, ...] = ()
    deletes: tuple[Key, ...] = ()
    puts: tuple[tuple[Key, bytes], ...] = ()
    payloads: tuple[tuple[PayloadId, bytes], ...] = ()
    payload_deletes: tuple[PayloadId, ...] = ()
    appends: tuple[Append, ...] = ()
    prunes: tuple[Prune, ...] = ()
    fence: tuple[str, int] | None = None


class Position(msgspec.Struct, frozen=True, gc=False):
    """Where an entry of a feed stands: its index from 0, contiguous, and the chain value there."""

    feed: str
    index: int
    chain: bytes


class Committed(msgspec.Struct, frozen=True, gc=False):
    """A durable commit: the version that its records carry, and where its entries stand."""

    version: int
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry of a feed, as stored; its content is empty where it has none or was pruned."""

    index: int
    chain: bytes
    entry: bytes
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Lease:
    """A named right, held until `expires` (Unix seconds); `fence` rises with each new holder."""

    name: str
    holder: str
    fence: int
    expires: float


def chain(previous: bytes, entry: bytes) -> bytes:
    """Return the chain value after `entry`: SHA-256(previous ‖ leaf hash).

    So a Merkle tree can be built over the same leaves. Specified in docs/spec/feed.md.
    """
    return hashlib.sha256(previous + leaf_hash(entry)).digest()


class Records(Protocol):
    """Ordered, versioned documents with atomic commits over several keys.

    Serializable: commits take effect in one order, that of their versions. A read sees every
    commit that was acknowledged before the read began, by anyone.
    """

    async def get(self, key: Key) -> Record | None:
        """Return the record, or None."""

    async def scan(self, span: Span, *, limit: int, reverse: bool = False) -> list[Record]:
        """Return up to `limit` records of the span in key order, from one consistent state."""

    async def payload(self, payload_id: PayloadId) -> bytes | None:
        """Return a payload, or None: a small immutable value that was committed with records."""

    async def commit(self, batch: Batch) -> Committed:
        """Apply the batch; durable on return.

        Raises `Conflict` if an expectation does not hold. Several commits may share one sync.
        """


class BlobWriter(Protocol):
    """A blob that is being written; invisible until `finish` returned."""

    async def write(self, data: bytes) -> None:
        """Append the whole of `data`; raises `OutOfSpace` or `Fenced`."""

    async def finish(self) -> None:
        """Make the blob durable and readable: contents first, then its name."""

    async def abort(self) -> None:
        """Drop what was written; harmless after `finish`."""


class BlobReader(Protocol):
    """An open blob; stays readable until closed, even if deleted meanwhile."""

    @property
    def length(self) -> int:
        """Return the length in bytes."""

    async def read(self, offset: int, length: int) -> bytes:
        """Return exactly those bytes, fewer only at the end of the blob."""

    async def close(self) -> None:
        """Release the blob."""


class Blobs(Protocol):
    """Immutable streams by id. Names carry no meaning."""

    async def create(self, blob: BlobId) -> BlobWriter:
        """Begin a blob."""

    async def open(self, blob: BlobId) -> BlobReader:
        """Open a finished blob; raises `Missing`."""

    async def delete(self, blob: BlobId) -> None:
        """Remove a blob; nothing happens if it is not there."""

    def list(self) -> AsyncIterator[BlobId]:
        """Iterate over finished and abandoned blobs, in any order."""


class Feeds(Protocol):
    """Append-only sequences; entries are appended by `Records.commit` alone.

    Positions are contiguous from 0. Each entry carries `chain(previous chain value, entry)`.
    """

    async def head(self, feed: str) -> tuple[int, bytes]:
        """Return how many entries the feed has and its last chain value (`GENESIS` if none)."""

    async def read(self, feed: str, start: int, *, limit: int) -> list[FeedEntry]:
        """Return up to `limit` entries from index `start` on."""


class Leases(Protocol):
    """Named, timed rights with fencing numbers."""

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Take a free or expired lease, or extend one's own; None while another holds it.

        The fencing number rises whenever the holder changes or the lease had expired.
        """

    async def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens if it is no longer ours."""


class Engine(Protocol):
    """The four ports of one store."""

    @property
    def records(self) -> Records:
        """Return the records port."""

    @property
    def blobs(self) -> Blobs:
        """Return the blobs port."""

    @property
    def feeds(self) -> Feeds:
        """Return the feeds port."""

    @property
    def leases(self) -> Leases:
        """Return the leases port."""

    async def close(self) -> None:
        """Finish what was accepted and release everything."""
