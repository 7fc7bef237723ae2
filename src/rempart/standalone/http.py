"""The server: TLS, HTTP/1.1 by uvicorn's parser, limits of connections, sizes and times."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from rempart.core.errors import CloudError, Code
from rempart.core.limits import KIB

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable

CONNECTIONS_MAX = 512
CONNECTIONS_PER_ADDRESS_MAX = 256
"""So that no one address takes them all; a universe keeps a few dozen."""

HEAD_BYTES_MAX = 24 * KIB
REQUEST_SECONDS_MAX = 20.0
"""From a connection's opening, or its last answer, to the end of the next request's head; and from
there to the end of its body."""

HANDSHAKE_SECONDS_MAX = 10.0
_BACKLOG = 256

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, "ASGIReceiveCallable", "ASGISendCallable"], Awaitable[None]]


class LimitedProtocol(HttpToolsProtocol):
    """A connection that is closed where it is one too many, its head too long, or it idles."""

    def __init__(self, config: Config, state: ServerState, addresses: Counter[str]) -> None:
        super().__init__(config, state, {})
        self._addresses = addresses
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._addresses[self._address] += 1
        if (
            len(self.connections) > CONNECTIONS_MAX
            or self._addresses[self._address] > CONNECTIONS_PER_ADDRESS_MAX
        ):
            transport.abort()
            return
        self._wait()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._addresses[self._address] -= 1
        if not self._addresses[self._address]:
            del self._addresses[self._address]
        super().connection_lost(exc)

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.transport.abort()

    @override
    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._wait()

    def _wait(self) -> None:
        self._head_bytes = 0
        self._timer = self.loop.call_later(REQUEST_SECONDS_MAX, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server:
    """Listens on one address and hands each request to one application."""

    def __init__(self, application: Application, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._state = ServerState()
        self._config = Config(
            application, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, interface="asgi3", proxy_headers=False,
            timeout_keep_alive=int(REQUEST_SECONDS_MAX),
        )  # fmt: skip
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port; raises OSError where the address cannot be had."""
        self._config.load()
        addresses: Counter[str] = Counter()
        protocol = functools.partial(LimitedProtocol, self._config, self._state, addresses)
        limit = HANDSHAKE_SECONDS_MAX if self._tls else None
        self._server = await asyncio.get_running_loop().create_server(
            protocol, host, port, ssl=self._tls, ssl_handshake_timeout=limit, backlog=_BACKLOG
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, grace_seconds: float) -> None:
        """Take no new connections; let requests in flight end within the grace."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=grace_seconds)
        for connection in list(self._state.connections):
            connection.transport.abort()


async def read_body(receive: ASGIReceiveCallable, bytes_max: int) -> bytes:
    """Return a request's body, of so many bytes at most, or raise the refusal of it."""
    content = bytearray()
    try:
        async with asyncio.timeout(REQUEST_SECONDS_MAX):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise _unread(Code.ABORTED, "The body was cut short.")
                content += message["body"]
                if len(content) > bytes_max:
                    raise _unread(
                        Code.INVALID_ARGUMENT, f"The body is longer than {bytes_max} bytes."
                    )
                if not message["more_body"]:
                    return bytes(content)
    except TimeoutError:
        raise _unread(Code.DEADLINE_EXCEEDED, "The body did not arrive in time.") from None


def _unread(code: Code, message: str) -> CloudError:
    """Return the refusal of a body that is not read to its end: the connection ends with it."""
    return CloudError(code, message, reason="BODY", headers=(("connection", "close"),))


async def send_whole(
    send: ASGISendCallable, status: int, kind: str, content: bytes, *more: tuple[str, str]
) -> None:
    """Send a response of a media type that nobody may keep, with more headers if given."""
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", b"%d" % len(content)),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in more),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})
