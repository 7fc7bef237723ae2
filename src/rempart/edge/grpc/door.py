"""One gRPC call: frame → message → `Call` → `Reply` → message → frame, then the status.

An error is a Trailers-Only response: its status travels in the headers. See ADR 0010.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import msgspec

from rempart.core.call import Call, MethodId, Reply
from rempart.core.clock import World
from rempart.core.errors import CloudError, Code, invariant
from rempart.edge.body import HeldBody
from rempart.edge.errors import internal, is_failure, log_failure
from rempart.edge.grpc.frames import (
    check_headers,
    framed,
    read_message,
    timeout_seconds,
    unspoken,
)
from rempart.edge.grpc.messages import Messages, google_messages
from rempart.edge.grpc.methods import Methods, choose
from rempart.edge.grpc.polled import STREAMED, Polling, Streamed
from rempart.edge.grpc.status import status_headers
from rempart.edge.http.protocol import WHOLE_RESPONSE
from rempart.edge.render import Headers, Send, safe_name, safe_value
from rempart.edge.request import Origins, Request
from rempart.wire.grpc import GRPCService, all_tables

T = TypeVar("T")
_TYPED = (b"content-type", b"application/grpc")
_OK: Headers = [(b"grpc-status", b"0")]
_START = {"type": "http.response.start", "status": 200, "trailers": True}
_METADATA = "x-"
"""Headers of a reply that are metadata here; the others speak of HTTP."""


def is_grpc(request: Request) -> bool:
    """Tell whether a request is for this door."""
    content_type = request.headers.get("content-type", "")
    return request.verb == "POST" and content_type.startswith("application/grpc")


@dataclass(slots=True)
class _Exchange:
    """A request while it is answered; `service` is the API, once that is known."""

    request: Request
    service: str = ""
    metadata: Headers = field(default_factory=list)
    begun: bool = False


class GRPCDoor:
    """Answers gRPC requests through `serve`, which answers the calls of described methods."""

    def __init__(
        self,
        serve: Callable[[Call], Awaitable[Reply]],
        *,
        origins: Origins,
        admit: Callable[[], None],
        world: World,
        tables: Iterable[GRPCService] | None = None,
    ) -> None:
        self._serve = serve
        self._origins = origins
        self._admit = admit
        self._world = world
        self._methods = Methods(all_tables() if tables is None else tables)
        self._messages: Messages = google_messages()
        self._polling = Polling(serve, self._messages, world)

    async def answer(self, request: Request, send: Send) -> None:
        """Answer one request, whatever becomes of it."""
        exchange = _Exchange(request)
        streamed = STREAMED.get(_path(request))
        answer = self._whole if streamed is None else partial(self._streamed, streamed)
        try:
            await answer(exchange, send)
        except CloudError as problem:
            if is_failure(problem):
                log_failure(problem, request.id, _path(request))
            await _refuse(problem, exchange, send)
        except Exception as problem:  # noqa: BLE001 - the door: nothing of it may reach a client
            log_failure(problem, request.id, _path(request))
            await _refuse(internal(request.id), exchange, send)

    async def _whole(self, exchange: _Exchange, send: Send) -> None:
        content = await self._in_time(exchange, self._reply(exchange))
        await _send(framed(content), exchange.metadata, send)

    async def _streamed(self, streamed: Streamed, exchange: _Exchange, send: Send) -> None:
        async def message(frame: bytes) -> None:
            if not exchange.begun:
                exchange.begun = True
                await send({**_START, "headers": [_TYPED]})
            await send({"type": "http.response.body", "body": frame, "more_body": True})

        request = exchange.request
        origin = self._origins.of(request.scheme, request.host)
        exchange.service = streamed.api
        if not self._methods.serves(streamed.api, origin.label):
            raise unspoken(f"{_path(request)} is not served at the host of another API.")
        self._admit()
        await self._in_time(exchange, self._polling.stream(streamed, request, origin, message))
        await send({"type": "http.response.trailers", "headers": _OK})

    async def _in_time(self, exchange: _Exchange, answer: Coroutine[Any, Any, T]) -> T:
        try:
            return await self._limited(exchange, answer)
        finally:
            answer.close()

    async def _limited(self, exchange: _Exchange, answer: Coroutine[Any, Any, T]) -> T:
        headers = exchange.request.headers
        check_headers(headers)
        seconds = timeout_seconds(headers)
        if seconds is None:
            return await answer
        if not seconds:
            raise _late()
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await answer
        except TimeoutError as problem:
            if limit.expired():
                raise _late() from problem
            raise

    async def _reply(self, exchange: _Exchange) -> bytes:
        request = exchange.request
        origin = self._origins.of(request.scheme, request.host)
        methods = self._methods.named(_path(request), origin.label)
        exchange.service = methods[0].api
        self._admit()
        content = await read_message(request.body)
        document = self._messages.read(methods[0].described.request, content)
        method, asked = choose(methods, document)
        exchange.service = method.api
        call = Call(
            MethodId(asked.method),
            asked.path,
            asked.query,
            request.headers,
            asked.document,
            HeldBody(),
            "plain",
            origin.base_url,
            request.remote,
            request.id,
            self._world.clock(),
            asked.verb,
            certificate=request.certificate,
        )
        reply = await self._serve(call)
        exchange.metadata = _metadata(reply.headers)
        return self._written(method.described.response, reply)

    def _written(self, name: str, reply: Reply) -> bytes:
        invariant(not reply.content and reply.stream is None, "media in answer to a gRPC call")
        document = {} if reply.document is None else msgspec.to_builtins(reply.document)
        return self._messages.write(name, document)


def _late() -> CloudError:
    return CloudError(
        Code.DEADLINE_EXCEEDED,
        "The call took longer than its grpc-timeout; whether it took effect is not known.",
        reason="deadlineExceeded",
    )


def _path(request: Request) -> str:
    return request.path[1:200].decode("ascii", "replace")


def _metadata(headers: Iterable[tuple[str, str]]) -> Headers:
    return [
        (safe_name(name), safe_value(value))
        for name, value in headers
        if name.lower().startswith(_METADATA)
    ]


async def _refuse(problem: CloudError, exchange: _Exchange, send: Send) -> None:
    try:
        status = status_headers(problem, exchange.service)
    except Exception as failure:  # noqa: BLE001 - details of a service that are no messages
        log_failure(failure, exchange.request.id, _path(exchange.request))
        status = status_headers(internal(exchange.request.id), exchange.service)
    if exchange.begun:  # within a stream, the status is all that can still be told
        trailers = [(name.encode(), safe_value(value)) for name, value in status]
        await send({"type": "http.response.trailers", "headers": trailers})
        return
    more = [one for one in problem.headers if one[0].startswith(("grpc-", _METADATA))]
    headers = [(name.encode(), safe_value(value)) for name, value in (*status, *more)]
    headers = [_TYPED, *headers, (b"content-length", b"0")]
    if exchange.request.whole:
        await send({"type": WHOLE_RESPONSE, "status": 200, "headers": headers, "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _send(frame: bytes, metadata: Headers, send: Send) -> None:
    await send({**_START, "headers": [_TYPED, *metadata]})
    await send({"type": "http.response.body", "body": frame})
    await send({"type": "http.response.trailers", "headers": _OK})
