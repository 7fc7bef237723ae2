"""Answers as bytes: headers made safe, documents as JSON, streams piece by piece.

A stream that fails or ends early never looks whole to the client: its last piece is held back until
the end is certain, and otherwise the response is left unfinished, so that the server cuts the
connection.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

import msgspec

from rempart.core.call import Reply
from rempart.core.errors import invariant, unreachable
from rempart.edge.body import RequestBody
from rempart.edge.errors import log_failure
from rempart.edge.fields import select
from rempart.edge.http.protocol import WHOLE_RESPONSE
from rempart.edge.request import Request

Send = Callable[[dict[str, Any]], Awaitable[None]]
"""ASGI's send."""

Headers = list[tuple[bytes, bytes]]

_BODILESS = frozenset((204, 304, 308))
_UNFRAMED = frozenset((204, 304))
"""Without a length as well; 308, resume incomplete, needs one to end the response."""

_NAMES_MAX = 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_NAME_SAFE = "!#$&'*+^`|"
_VALUE_SAFE = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}"
_OF_DOCUMENTS = (
    (b"content-type", b"application/json; charset=UTF-8"),
    (b"cache-control", b"private, max-age=0, no-cache, no-store"),
)
_FIXED = ((b"server", b"Rempart"), (b"x-content-type-options", b"nosniff"))
_END = {"type": "http.response.body", "body": b""}


def safe_value(value: str) -> bytes:
    """Return a header's value: printable ASCII as it is, all else percent-encoded as UTF-8."""
    if value.isascii() and value.isprintable():
        return value.encode()
    return quote(value, safe=_VALUE_SAFE, errors="surrogatepass").encode()


_names: dict[str, bytes] = {}


def safe_name(name: str) -> bytes:
    """Return a header's name in lower case; what no name may hold is percent-encoded."""
    known = _names.get(name)
    if known is None:
        lower = name.lower()
        if not _TOKEN.fullmatch(lower):
            lower = quote(lower, safe=_NAME_SAFE, errors="surrogatepass").lower()
        known = lower.encode()
        if len(_names) < _NAMES_MAX:
            _names[name] = known
    return known


class Answer(msgspec.Struct, gc=False):
    """An answer ready to be sent: `content` is empty where there is a stream."""

    status: int
    headers: Headers
    content: bytes
    stream: AsyncIterator[bytes] | None = None


async def render(reply: Reply, request: Request) -> Answer:
    """Return the answer with its headers; those that the reply gives replace those of the edge.

    The first piece of a stream is fetched here: a stream that cannot begin raises while the caller
    can still be told.
    """
    content = reply.content if reply.document is None else _document(reply.document, request.query)
    headers = _safe(reply.headers)
    given = {name for name, _ in headers}
    headers += _FIXED
    if b"x-guploader-uploadid" not in given:
        headers.append((b"x-guploader-uploadid", request.id.encode()))
    if reply.document is not None:
        headers += [one for one in _OF_DOCUMENTS if one[0] not in given]
    stream = reply.stream
    if reply.status in _BODILESS:
        content = b""
    if b"content-length" not in given and stream is None and reply.status not in _UNFRAMED:
        headers.append((b"content-length", b"%d" % len(content)))
    if stream is not None and request.verb != "HEAD":
        stream = await _begun(stream)
    return Answer(reply.status, headers, content, stream)


def _safe(given: tuple[tuple[str, str], ...]) -> Headers:
    """Return the headers made safe; all values are looked at together, which is what costs."""
    together = "".join([value for _, value in given])
    if together.isascii() and together.isprintable():
        try:
            return [(_names[name], value.encode()) for name, value in given]
        except KeyError:
            pass
    return [(safe_name(name), safe_value(value)) for name, value in given]


def _document(document: object, query: dict[str, str]) -> bytes:
    if query:
        if "fields" in query:
            document = select(msgspec.to_builtins(document), query["fields"])
        if query.get("prettyPrint") == "true":
            return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    return msgspec.json.encode(document)


async def send_answer(answer: Answer, request: Request, send: Send) -> None:
    """Send an answer; a stream is closed whatever happens."""
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    if answer.stream is None:
        if request.whole:
            await send({**start, "type": WHOLE_RESPONSE, "body": answer.content})
            return
        await send(start)
        body = b"" if request.verb == "HEAD" else answer.content
        await send({"type": "http.response.body", "body": body})
        return
    try:
        await send(start)
        if request.verb == "HEAD" or answer.status in _BODILESS:
            await send(_END)
        else:
            await _send_stream(answer.stream, _declared(answer.headers), request, send)
    finally:
        await _close(answer.stream)


def _declared(headers: Headers) -> int | None:
    for name, value in headers:
        if name == b"content-length":
            return int(value)
    return None


async def _send_stream(
    stream: AsyncIterator[bytes], length: int | None, request: Request, send: Send
) -> None:
    watch = asyncio.create_task(_gone(request), name=f"watch-{request.id}")
    held, size = b"", 0
    try:
        async for piece in stream:
            size += len(piece)
            invariant(length is None or size <= length, "a stream is longer than it declares")
            if watch.done():
                return
            if held:
                await send({"type": "http.response.body", "body": held, "more_body": True})
            held = piece
        invariant(length is None or size == length, "a stream is shorter than it declares")
    except Exception as problem:  # noqa: BLE001 - the door: whatever it is, the client sees a cut
        log_failure(problem, request.id, "the response's stream")
        return
    finally:
        watch.cancel()
    await send({"type": "http.response.body", "body": held})


async def _gone(request: Request) -> None:
    """Return once the client of a streamed answer is gone; the server's send would not tell."""
    if not isinstance(request.body, RequestBody):
        unreachable("a stream within a batch")
    await request.body.gone()


async def _begun(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        return _Begun(await anext(stream), stream)
    except StopAsyncIteration:
        return stream
    except BaseException:
        await _close(stream)
        raise


class _Begun:
    """A stream whose first piece was fetched already."""

    __slots__ = ("_first", "_rest")

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self._first: bytes | None = first
        self._rest = rest

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        return await anext(self._rest) if first is None else first

    async def aclose(self) -> None:
        await _close(self._rest)


async def _close(stream: AsyncIterator[bytes]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
