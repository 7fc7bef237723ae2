"""An engine that fails where a plan says so: before a call took effect, or after, answer lost.

For tests: run once without faults, then once for each entry of `calls`, failing there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from rempart.engine.seam import (
    Batch,
    BlobId,
    BlobReader,
    Blobs,
    BlobWriter,
    Committed,
    Engine,
    EngineError,
    FeedEntry,
    Feeds,
    Key,
    Lease,
    Leases,
    PayloadId,
    Record,
    Records,
    Span,
)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure to inject; `after` lets the call take effect first and loses its answer."""

    error: EngineError
    after: bool = False


Plan = Callable[[int, str], Fault | None]
"""Says whether a call fails, from its number (from 0) and its name (`records.commit`)."""


def fail_at(number: int, fault: Fault) -> Plan:
    """Return the plan that fails one call."""
    return lambda call, _name: fault if call == number else None


class _Calls:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.names: list[str] = []

    async def run(self, name: str, work: Callable[[], Awaitable[Result]]) -> Result:
        fault = self._plan(len(self.names), name)
        self.names.append(name)
        if fault is not None and not fault.after:
            raise fault.error
        result = await work()
        if fault is not None:
            raise fault.error
        return result


class FaultyEngine:
    """The four ports of `engine`, failing by `plan`."""

    def __init__(self, engine: Engine, plan: Plan) -> None:
        self._engine = engine
        self._calls = _Calls(plan)
        self._records = _Records(engine.records, self._calls)
        self._blobs = _Blobs(engine.blobs, self._calls)
        self._feeds = _Feeds(engine.feeds, self._calls)
        self._leases = _Leases(engine.leases, self._calls)

    @property
    def calls(self) -> tuple[str, ...]:
        """Return the names of the calls so far."""
        return tuple(self._calls.names)

    @property
    def records(self) -> Records:
        """Return the records port."""
        return self._records

    @property
    def blobs(self) -> Blobs:
        """Return the blobs port."""
        return self._blobs

    @property
    def feeds(self) -> Feeds:
        """Return the feeds port."""
        return self._feeds

    @property
    def leases(self) -> Leases:
        """Return the leases port."""
        return self._leases

    async def close(self) -> None:
        """Close the engine; never fails."""
        await self._engine.close()


class _Records:
    def __init__(self, records: Records, calls: _Calls) -> None:
        self._records = records
        self._calls = calls

    async def get(self, key: Key) -> Record | None:
        return await self._calls.run("records.get", lambda: self._records.get(key))

    async def scan(self, span: Span, *, limit: int, reverse: bool = False) -> list[Record]:
        return await self._calls.run(
            "records.scan", lambda: self._records.scan(span, limit=limit, reverse=reverse)
        )

    async def payload(self, payload_id: PayloadId) -> bytes | None:
        return await self._calls.run("records.payload", lambda: self._records.payload(payload_id))

    async def commit(self, batch: Batch) -> Committed:
        return await self._calls.run("records.commit", lambda: self._records.commit(batch))


class _Blobs:
    def __init__(self, blobs: Blobs, calls: _Calls) -> None:
        self._blobs = blobs
        self._calls = calls

    async def create(self, blob: BlobId) -> BlobWriter:
        begun: list[BlobWriter] = []

        async def begin() -> None:
            begun.append(await self._blobs.create(blob))

        try:
            await self._calls.run("blobs.create", begin)
        except EngineError:
            # The answer is lost to the caller: nobody else could drop the blob.
            for writer in begun:
                await writer.abort()
            raise
        return _BlobWriter(begun[0], self._calls)

    async def open(self, blob: BlobId) -> BlobReader:
        opened: list[BlobReader] = []

        async def begin() -> None:
            opened.append(await self._blobs.open(blob))

        try:
            await self._calls.run("blobs.open", begin)
        except EngineError:
            for reader in opened:
                await reader.close()
            raise
        return _BlobReader(opened[0], self._calls)

    async def delete(self, blob: BlobId) -> None:
        await self._calls.run("blobs.delete", lambda: self._blobs.delete(blob))

    def list(self) -> AsyncIterator[BlobId]:
        return self._blobs.list()


class _BlobWriter:
    def __init__(self, writer: BlobWriter, calls: _Calls) -> None:
        self._writer = writer
        self._calls = calls

    async def write(self, data: bytes) -> None:
        await self._calls.run("blob.write", lambda: self._writer.write(data))

    async def finish(self) -> None:
        await self._calls.run("blob.finish", self._writer.finish)

    async def abort(self) -> None:
        await self._writer.abort()


class _BlobReader:
    def __init__(self, reader: BlobReader, calls: _Calls) -> None:
        self._reader = reader
        self._calls = calls

    @property
    def length(self) -> int:
        return self._reader.length

    async def read(self, offset: int, length: int) -> bytes:
        return await self._calls.run("blob.read", lambda: self._reader.read(offset, length))

    async def close(self) -> None:
        await self._reader.close()


class _Feeds:
    def __init__(self, feeds: Feeds, calls: _Calls) -> None:
        self._feeds = feeds
        self._calls = calls

    async def head(self, feed: str) -> tuple[int, bytes]:
        return await self._calls.run("feeds.head", lambda: self._feeds.head(feed))

    async def read(self, feed: str, start: int, *, limit: int) -> list[FeedEntry]:
        return await self._calls.run(
            "feeds.read", lambda: self._feeds.read(feed, start, limit=limit)
        )


class _Leases:
    def __init__(self, leases: Leases, calls: _Calls) -> None:
        self._leases = leases
        self._calls = calls

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        return await self._calls.run(
            "leases.acquire", lambda: self._leases.acquire(name, holder, seconds)
        )

    async def release(self, lease: Lease) -> None:
        await self._calls.run("leases.release", lambda: self._leases.release(lease))
