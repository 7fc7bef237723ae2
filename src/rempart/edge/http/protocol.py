"""One HTTP/1.1 connection: uvicorn's protocol behind the strict front check.

What is added to uvicorn: every byte passes the check first; time-outs, judged by the server's
sweep so that a request costs no timer; the PROXY header of our own TLS door; trailer fields of
responses (gRPC needs them); and a refusal that the client can still read. The raw path reaches
the application as it was received.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from rempart.edge.http.front_check import FrontCheck, HTTPLimits, Refusal

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent
    from uvicorn.config import Config
    from uvicorn.server import ServerState

_PROXY_LINE: Final = re.compile(
    rb"PROXY TCP[46] ([0-9a-fA-F.:]{2,45}) \S+ ([0-9]{1,5}) [0-9]{1,5}\r\n"
)
_PROXY_LINE_BYTES_MAX: Final = 107  # PROXY protocol, version 1
_AUTHORITY: Final = re.compile(rb"[A-Za-z]+://[^/?]*")
_BAD_FIELD: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_HEAD_TOO_SLOW = Refusal(408, "The request head took too long.")
_BODY_TOO_SLOW = Refusal(408, "The request body stalled.")
_DISAGREEMENT = Refusal(400, "The request is malformed.")
_TOO_MANY = Refusal(503, "The server is at its limit of connections.")


WHOLE_RESPONSE: Final = "rempart.response.whole"
"""An ASGI extension of ours: `status`, `headers` with Content-Length and `body` in one message."""

EXTENSIONS: Final[dict[str, dict[str, object]]] = {
    "http.response.trailers": {},
    WHOLE_RESPONSE: {},
}


class StrictProtocol(HttpToolsProtocol):
    """A connection from the plain port, or with `proxied` from the TLS door's unix socket."""

    _extensions = EXTENSIONS

    def __init__(
        self, config: Config, server_state: ServerState, *, limits: HTTPLimits, proxied: bool
    ) -> None:
        super().__init__(config, server_state, {})
        self._limits = limits
        self._check = FrontCheck(limits)
        self._proxied = proxied
        self._proxy_line: bytes | None = b"" if proxied else None
        self._begun = 0
        self._ended = 0
        self._unread = 0
        self._touched = self.loop.time()
        self._head_since = math.inf
        self._write_left = -1
        self._written_at = 0.0
        self._lingers_until = math.inf

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._proxied:
            self.scheme = "https"
        if len(self.connections) > self._limits.connections_max:
            self.refuse(_TOO_MANY)

    @override
    def data_received(self, data: bytes) -> None:
        if self._lingers_until != math.inf:
            return
        if self._proxy_line is not None:
            data = self._take_proxy_line(data)
            if not data:
                return
        self._touched = self.loop.time()
        checked = self._check.feed(data)
        if isinstance(checked, Refusal):
            self.refuse(checked)
            return
        if checked:
            super().data_received(checked)
        self._after_feeding(len(checked))

    def _take_proxy_line(self, data: bytes) -> bytes:
        """Return what follows the PROXY header, which names the client behind the TLS door."""
        begun = (self._proxy_line or b"") + data
        line = _PROXY_LINE.match(begun)
        if line is not None:
            self._proxy_line = None
            self.client = (line[1].decode(), int(line[2]))
            return begun[line.end() :]
        if b"\n" in begun or len(begun) > _PROXY_LINE_BYTES_MAX:
            self.transport.abort()
        self._proxy_line = begun
        return b""

    def _after_feeding(self, size: int) -> None:
        check = self._check
        if check.begun != self._begun or check.ended != self._ended:
            if self._lingers_until == math.inf and not self.transport.is_closing():
                # The check and the parser read one stream in two ways: never guess who is right.
                self.refuse(_DISAGREEMENT)
            return
        if check.begun != check.ended:
            self._head_since = math.inf
            self._count_unread(size)
        elif not check.is_in_head:
            self._head_since = math.inf
        elif self._head_since == math.inf:
            self._head_since = self._touched
        if len(self.pipeline) > self._limits.pipelined_max:
            self.transport.abort()

    def _count_unread(self, size: int) -> None:
        if self.cycle.response_complete:
            self._unread += size
            if self._unread > self._limits.unread_body_bytes_max:
                self.transport.abort()

    @override
    def send_400_response(self, msg: str) -> None:
        self.refuse(_DISAGREEMENT)

    def refuse(self, refusal: Refusal) -> None:
        """Answer, tell the application that its client is gone, and close after a short linger.

        With a response under way, or an earlier one still due, there is no place for an answer.
        """
        may_answer = self._may_answer()
        self.pipeline.clear()
        if self._begun:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_writing()
        if may_answer and self.transport.can_write_eof():
            self.transport.write(_rendered(refusal))
            self.transport.write_eof()
            self.flow.resume_reading()
            self._lingers_until = self.loop.time() + self._limits.linger_seconds
        else:
            self._lingers_until = 0.0
            self.transport.close()

    def _may_answer(self) -> bool:
        in_its_body = self._check.is_in_body and self._check.begun == self._begun
        if self._is_idle():
            return not in_its_body
        return in_its_body and not self.pipeline and not self.cycle.response_started

    def _is_idle(self) -> bool:
        return self._begun == 0 or self.cycle.response_complete

    def _converses(self) -> bool:
        # Answering before the end of the question is a stream both ways (gRPC): silence is legal.
        return self.cycle.response_started and not self.cycle.response_complete

    def expire(self, now: float) -> None:
        """Enforce the time-outs; the server calls this for each connection, often enough."""
        if self._lingers_until != math.inf:
            if now >= self._lingers_until:
                self.transport.abort()
        elif self.flow.write_paused or self.transport.is_closing():
            self._expire_response(now)
        elif self._check.is_in_body and not self.flow.read_paused and not self._converses():
            if now - self._touched >= self._limits.body_idle_seconds:
                self.refuse(_BODY_TOO_SLOW)
        elif self._is_idle():
            self._expire_idle(now)
        else:
            # The application works or is behind: the client cannot be the slow one.
            self._touched = now
            if self._head_since != math.inf:
                self._head_since = now

    def _expire_idle(self, now: float) -> None:
        if now - self._head_since >= self._limits.head_seconds:
            self.refuse(_HEAD_TOO_SLOW)
        elif now - self._touched >= self._limits.idle_seconds:
            self.transport.close()

    @override
    def pause_writing(self) -> None:
        self._write_left = -1
        super().pause_writing()

    def _expire_response(self, now: float) -> None:
        left = self.transport.get_write_buffer_size()
        if left != self._write_left:
            self._write_left = left
            self._written_at = now
        elif now - self._written_at >= self._limits.response_idle_seconds:
            self.transport.abort()

    @override
    def on_headers_complete(self) -> None:
        """Start or queue the application; as uvicorn does, but with the raw path untouched."""
        self._unread = 0
        version = self.parser.get_http_version()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # ASGI's own shape
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["extensions"] = self._extensions
        _place_target(scope, self.url)
        previous = self.cycle
        self.cycle = _Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self._begun += 1
        if self._begun == 1 or previous.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    @override
    def on_message_complete(self) -> None:
        self._ended += 1
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._touched = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)


class _Cycle(RequestResponseCycle):
    """One request and its response, which may end in trailer fields."""

    _trailers: list[bytes] | None = None

    @override
    def send(self, message: ASGISendEvent) -> Coroutine[Any, Any, None]:
        event: dict[str, Any] = message  # type: ignore[assignment]  # ASGI's own shape
        if event["type"] == WHOLE_RESPONSE:
            return self._send_whole(event)
        if not self.response_started:
            if self.waiting_for_100_continue and self.more_body:
                # The client may send its body or not: only closing leaves nothing to guess.
                self.keep_alive = False
            if event.get("trailers"):
                self._trailers = []
        elif self._trailers is not None:
            return self._send_before_trailers(event)
        return super().send(message)

    async def _send_whole(self, event: dict[str, Any]) -> None:
        """Send head and body in one write; the application vouches for its headers."""
        if self.response_started:
            raise RuntimeError("A whole response must be the only one.")
        if self.disconnected:
            return
        if self.waiting_for_100_continue and self.more_body:
            self.keep_alive = False
        self.response_started, self.waiting_for_100_continue = True, False
        content = [STATUS_LINE[event["status"]]]
        for name, value in (*self.default_headers, *event["headers"]):
            content += (name, b": ", value, b"\r\n")
        content.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        if self.scope["method"] != "HEAD":
            content.append(event["body"])
        self.transport.write(b"".join(content))
        self._finish()
        if self.flow.write_paused:
            await self.flow.drain()

    async def _send_before_trailers(self, event: dict[str, Any]) -> None:
        if event["type"] != "http.response.trailers":
            more: dict[str, Any] = {**event, "more_body": True}
            await super().send(more)  # type: ignore[arg-type]  # ASGI's own shape
            return
        fields = self._trailers or []
        self._trailers = fields
        for name, value in event.get("headers", ()):
            if _BAD_FIELD.search(name) or _BAD_FIELD.search(value):
                raise RuntimeError("Invalid HTTP trailer field.")
            fields += [name, b": ", value, b"\r\n"]
        if event.get("more_trailers") or self.disconnected:
            return
        self._trailers = None
        if self.chunked_encoding and self.scope["method"] != "HEAD":
            self.transport.write(b"".join([b"0\r\n", *fields, b"\r\n"]))
        self._finish()

    def _finish(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _place_target(scope: dict[str, Any], url: bytes) -> None:
    if not url.startswith(b"/") and url != b"*":
        authority = _AUTHORITY.match(url)
        url = url[authority.end() :] if authority else url
        url = url if url.startswith(b"/") else b"/" + url
    raw_path, _, query = url.partition(b"?")
    scope["raw_path"] = raw_path
    scope["path"] = raw_path.decode("ascii")  # as it came: who needs it decoded does that once
    scope["query_string"] = query


def _rendered(refusal: Refusal) -> bytes:
    text = refusal.reason.encode()
    return b"".join(
        [
            STATUS_LINE[refusal.status],
            b"content-type: text/plain; charset=utf-8\r\n",
            b"content-length: %d\r\n" % len(text),
            b"connection: close\r\n\r\n",
            text,
        ]
    )
