"""Many small requests: N keep-alive connections, requests built beforehand, one event loop.

The generator must cost less than the servers it measures: it parses no more of an answer than its
status, its length and its end.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import uvloop
from typing_extensions import override

from bench.universe import Broken

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
CHUNKED_END = b"0\r\n\r\n"
SHOWN_BYTES_MAX = 300


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens; with a TLS context the connection is encrypted."""

    port: int
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Load:
    """Requests for `seconds`, each the next of `heads` (again from the first after the last)."""

    heads: Sequence[bytes]
    body: bytes
    connections: int
    seconds: float
    answer_bytes: int | None = None
    """What every answer's body must measure; None where it may vary."""


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with at most one request in flight."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, int]] | None = None
        self._head = b""
        self._status = 0
        self._left = 0
        self._size = 0
        self._chunked = False
        self._closed = asyncio.Event()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour and not by class.
        self._transport = cast("asyncio.Transport", transport)

    async def ask(self, head: bytes, body: bytes) -> tuple[int, int]:
        """Send a request and return the answer's status and how long its body was."""
        if self._transport is None:
            raise Broken("The connection is not open.")
        self._answer = asyncio.get_running_loop().create_future()
        self._head, self._size = b"", 0
        self._transport.write(head + body if len(body) <= 1 << 16 else head)
        if len(body) > 1 << 16:
            self._transport.write(body)
        return await self._answer

    @override
    def data_received(self, data: bytes) -> None:
        if self._left or self._chunked:
            self._body(data)
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return
        head, rest = self._head[:end], self._head[end + 4 :]
        self._status = int(head[9:12])
        length = LENGTH.search(head)
        self._chunked = length is None and b"chunked" in head.lower()
        self._left = int(length[1]) if length else 0
        self._body(rest)

    def _body(self, data: bytes) -> None:
        self._size += len(data)
        if self._chunked:
            self._chunked = not data.endswith(CHUNKED_END)
        else:
            self._left -= len(data)
        answer = self._answer
        if not self._chunked and self._left <= 0 and answer is not None and not answer.done():
            if self._status >= 400:
                shown = (self._head + data)[:SHOWN_BYTES_MAX].decode(errors="replace")
                answer.set_exception(Broken(f"a server answered {shown}"))
            else:
                answer.set_result((self._status, self._size))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken(f"a server closed the connection: {exc}"))

    async def close(self) -> None:
        """Close and wait until it is closed."""
        if self._transport is not None:
            self._transport.abort()
            await self._closed.wait()


def rate(place: Place, load: Load) -> float:
    """Return requests per second; raises `Broken` at the first answer that is not right."""
    return uvloop.run(_rate(place, load))


def each(place: Place, heads: Sequence[bytes], body: bytes, connections: int = 16) -> None:
    """Send every request once, whatever time it takes."""
    uvloop.run(_each(place, iter(heads), body, connections))


async def _open(place: Place) -> Connection:
    loop = asyncio.get_running_loop()
    name = "localhost" if place.tls else None
    _, protocol = await loop.create_connection(
        Connection, place.host, place.port, ssl=place.tls, server_hostname=name
    )
    return protocol


async def _rate(place: Place, load: Load) -> float:
    heads, done = itertools.cycle(load.heads), 0
    connections = [await _open(place) for _ in range(load.connections)]
    begun = time.perf_counter()
    end = begun + load.seconds

    async def work(connection: Connection) -> None:
        nonlocal done
        while time.perf_counter() < end:
            _, size = await connection.ask(next(heads), load.body)
            if load.answer_bytes is not None and size != load.answer_bytes:
                raise Broken(f"an answer measured {size} bytes instead of {load.answer_bytes}")
            done += 1

    try:
        async with asyncio.TaskGroup() as tasks:
            for connection in connections:
                tasks.create_task(work(connection))
        seconds = time.perf_counter() - begun
    except ExceptionGroup as problems:
        # Not `except*`: what is raised in there is a group again in some releases of Python 3.11.
        broken = problems.subgroup(Broken)
        if broken is None:
            raise
        raise broken.exceptions[0] from None
    finally:
        for connection in connections:
            await connection.close()
    return done / seconds


async def _each(place: Place, heads: Iterator[bytes], body: bytes, connections: int) -> None:
    async def work() -> None:
        connection = await _open(place)
        try:
            for head in heads:
                await connection.ask(head, body)
        finally:
            await connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
