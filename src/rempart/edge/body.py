"""Request bodies: read once, from the network or from memory, never more than a limit at a time.

A body that the client cut short raises `requestCut`; it never looks like one that ended. What
nobody reads is thrown away, up to a limit: by the HTTP server after the answer, or here before it
where the connection closes with the answer.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from rempart.core.call import Body
from rempart.core.errors import CloudError, Code, invalid, too_large
from rempart.core.limits import JSON_BODY_BYTES_MAX, MIB

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
"""ASGI's receive."""

UNREAD_BYTES_MAX = 8 * MIB
_GZIP = 16 + zlib.MAX_WBITS


class RequestBody:
    """The body of an HTTP request, as the server receives it."""

    __slots__ = ("_ended", "_receive", "_received", "length")

    def __init__(self, receive: Receive, length: int | None) -> None:
        self.length = length
        self._receive = receive
        self._received = 0
        self._ended = length == 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece, never an empty one."""
        while not self._ended:
            piece = await self._next()
            if piece:
                return piece
        raise StopAsyncIteration

    async def read(self, limit: int) -> bytes:
        """Return the rest; raise `too_large` past `limit`, before reading where that is known."""
        if self.length is not None and self.length - self._received > limit:
            raise over(limit)
        if self._ended:
            return b""
        first = await self._next()
        if self._ended and len(first) <= limit:
            return first
        pieces, size = [first], len(first)
        while size <= limit and not self._ended:
            pieces.append(await self._next())
            size += len(pieces[-1])
        if size > limit:
            raise over(limit)
        return b"".join(pieces)

    async def drain(self) -> None:
        """Throw away what is left of the body, up to UNREAD_BYTES_MAX."""
        until = self._received + UNREAD_BYTES_MAX
        try:
            while not self._ended and self._received < until:
                await self._next()
        except CloudError:
            self._ended = True

    async def gone(self) -> None:
        """Return once the client is gone; what is left of the body is thrown away.

        Only for a call whose body is no longer wanted.
        """
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _next(self) -> bytes:
        event = await self._receive()
        if event["type"] == "http.disconnect":
            raise cut()
        piece: bytes = event.get("body", b"")
        self._received += len(piece)
        ended = not event.get("more_body", False)
        if self.length is not None:
            if self._received > self.length:
                raise invalid("The body is longer than its Content-Length.", field="Content-Length")
            if ended and self._received < self.length:
                raise cut()
        self._ended = ended
        return piece


class HeldBody:
    """A body that is in memory: of a request within a batch, or small media."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes = b"") -> None:
        self._content = content

    @property
    def length(self) -> int:
        """Return how many bytes are left."""
        return len(self._content)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the whole content, the first time."""
        content, self._content = self._content, b""
        if not content:
            raise StopAsyncIteration
        return content

    async def read(self, limit: int) -> bytes:
        """Return the content; raise `too_large` past `limit`."""
        if len(self._content) > limit:
            raise over(limit)
        content, self._content = self._content, b""
        return content


def cut() -> CloudError:
    """Return the error for a client that went away in the middle of its body."""
    return CloudError(
        Code.INVALID_ARGUMENT, "The request ended before its body was whole.", reason="requestCut"
    )


def over(limit: int) -> CloudError:
    """Return the error for a body that is longer than what is asked may be."""
    return too_large(f"The request body is longer than {limit} bytes.")


async def read_document_bytes(body: Body, encoding: str) -> bytes:
    """Return the bytes of a JSON body, at most JSON_BODY_BYTES_MAX of them after decompression.

    For documents only: media keep the encoding that they came in.
    """
    content = await body.read(JSON_BODY_BYTES_MAX)
    if encoding in {"", "identity"} or not content:
        return content
    if encoding != "gzip":
        raise invalid("The Content-Encoding of a JSON body is gzip or none.", field=_ENCODING)
    return _unzipped(content)


_ENCODING = "Content-Encoding"


def _unzipped(content: bytes) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    try:
        plain = stream.decompress(content, JSON_BODY_BYTES_MAX + 1)
    except zlib.error as problem:
        raise invalid("The request body is not gzip.", field=_ENCODING) from problem
    if len(plain) > JSON_BODY_BYTES_MAX:
        raise over(JSON_BODY_BYTES_MAX)
    if not stream.eof or stream.unused_data:
        raise invalid("The request body is not one whole gzip stream.", field=_ENCODING)
    return plain
