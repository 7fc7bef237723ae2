"""Streams of answers: one call to the gate after another, each with its own decision.

A caller who may no longer read what it reads is cut off by the next call; nothing is granted for
longer than one. The request is one message; what a client sends after it is thrown away.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from rempart.core.call import Body, Call, MethodId, Reply
from rempart.core.clock import World
from rempart.core.document import seconds
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.limits import GRPC_MESSAGE_BYTES_MAX
from rempart.edge.body import HeldBody, RequestBody
from rempart.edge.grpc.frames import PREFIX_BYTES, framed, malformed, unspoken
from rempart.edge.grpc.messages import Messages
from rempart.edge.request import Origin, Request

STREAMS_MAX, STREAMS_PER_CALLER_MAX = 64, 10
STREAM_SECONDS_MAX = 3600.0
WINDOW_SECONDS, WINDOW_SECONDS_MAX = 2, 60
"""How often the gate is asked unless the caller says, and at most how seldom."""

POLLED = "polled"
"""What the kind of such a call is."""

CURSOR = "cursor"
"""The query parameter by which a call goes on where the one before ended."""

_LOGGING = "google.logging.v2"


@dataclass(frozen=True, slots=True)
class Streamed:
    """A method that streams: its API, its REST id and its messages."""

    api: str
    method: MethodId
    request: str
    response: str


STREAMED: Mapping[str, Streamed] = {
    f"{_LOGGING}.LoggingServiceV2/TailLogEntries": Streamed(
        "logging",
        MethodId("logging.entries.tail"),
        f"{_LOGGING}.TailLogEntriesRequest",
        f"{_LOGGING}.TailLogEntriesResponse",
    )
}
"""By path; a table of ours, for Google describes no rule by which REST would have them."""


class Polling:
    """Makes streams of calls."""

    def __init__(
        self, serve: Callable[[Call], Awaitable[Reply]], messages: Messages, world: World
    ) -> None:
        self._serve = serve
        self._messages = messages
        self._world = world
        self._streams: Counter[str] = Counter()

    async def stream(
        self,
        streamed: Streamed,
        request: Request,
        origin: Origin,
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Send messages until the client is gone or the time is over; raises its refusal."""
        caller = request.headers.get("authorization", "")
        self._admit(caller)
        try:
            document = self._messages.read(streamed.request, await _first(request))
            call = self._call(streamed, request, origin, document)
            gone = asyncio.ensure_future(_gone(request.body))
            try:
                await self._poll(streamed, call, gone, send)
            finally:
                gone.cancel()
        finally:
            self._streams[caller] -= 1
            self._streams += Counter()  # what is at zero goes

    def _admit(self, caller: str) -> None:
        """Count a stream in, or raise; nobody, known or not, takes the streams of all others."""
        if self._streams.total() >= STREAMS_MAX or self._streams[caller] >= STREAMS_PER_CALLER_MAX:
            message = (
                f"There are {STREAMS_MAX} streams already, or {STREAMS_PER_CALLER_MAX} of yours;"
                " retry later."
            )
            raise CloudError(Code.RESOURCE_EXHAUSTED, message, reason="rateLimitExceeded")
        self._streams[caller] += 1

    async def _poll(
        self,
        streamed: Streamed,
        call: Call,
        gone: asyncio.Future[None],
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        window = _window(call.document)
        loop = asyncio.get_running_loop()
        until, begun = loop.time() + STREAM_SECONDS_MAX, False
        while not gone.done() and loop.time() < until:
            call = msgspec.structs.replace(call, time=self._world.clock())
            reply = await self._serve(call)
            document: dict[str, Any] = msgspec.to_builtins(reply.document)
            call = msgspec.structs.replace(call, query={CURSOR: str(document.pop(CURSOR))})
            if document or not begun:
                await send(framed(self._messages.write(streamed.response, document)))
                begun = True
            await asyncio.wait((gone,), timeout=window)

    def _call(
        self, streamed: Streamed, request: Request, origin: Origin, document: Mapping[str, Any]
    ) -> Call:
        return Call(
            streamed.method,
            {},
            {},
            request.headers,
            document,
            HeldBody(),
            POLLED,
            origin.base_url,
            request.remote,
            request.id,
            self._world.clock(),
            "POST",
            certificate=request.certificate,
        )


async def _gone(body: Body) -> None:
    """Return once the client is gone."""
    if isinstance(body, RequestBody):
        await body.gone()


def _window(document: Mapping[str, object]) -> float:
    asked = seconds(document, "bufferWindow")
    if asked is None:
        return WINDOW_SECONDS
    if not 0 <= asked <= WINDOW_SECONDS_MAX:
        message = f"bufferWindow lies between 0 and {WINDOW_SECONDS_MAX} seconds."
        raise invalid(message, field="bufferWindow")
    return max(asked, 1)


async def _first(request: Request) -> bytes:
    """Return the first message of a stream."""
    received = bytearray()
    async for piece in request.body:
        received += piece
        if len(received) < PREFIX_BYTES:
            continue
        length = int.from_bytes(received[1:PREFIX_BYTES], "big")
        if received[0] or length > GRPC_MESSAGE_BYTES_MAX:
            raise malformed("The first message is compressed, or too long.")
        if len(received) >= PREFIX_BYTES + length:
            return bytes(received[PREFIX_BYTES : PREFIX_BYTES + length])
    raise unspoken("The stream ended before its first message.")
