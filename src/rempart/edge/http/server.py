"""The HTTP listeners of the process: a plain port, and unix sockets for the TLS door.

They run in the caller's event loop and leave signals alone. On a unix socket every connection
begins with a PROXY header and its requests count as https: nobody but the TLS door, which runs
as the same user, can open it (directory 0700, socket 0600). On `mutual` alone a header of the
door's tells the client's certificate (`certified.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import stat
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Final, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from rempart.core.errors import unavailable
from rempart.edge.http.certified import CertifiedProtocol
from rempart.edge.http.front_check import HTTPLimits
from rempart.edge.http.protocol import StrictProtocol

_BACKLOG: Final = 2048
_SOCKET_PATH_BYTES_MAX: Final = 107  # Linux: sockaddr_un
_SWEEPS_PER_LIMIT: Final = 4
_CUTTING_TURNS: Final = 5


ASGIApp = Callable[..., Awaitable[None]]
"""An ASGI 3 application; servers and applications type its messages each in their own way."""

_Protocol = functools.partial[StrictProtocol]


class HTTPServer:
    """Serves one ASGI application; `start` returns once both listeners accept."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        http: tuple[str, int] | None,
        uds: Path | None,
        mutual: Path | None = None,
        limits: HTTPLimits,
    ) -> None:
        self._config = Config(
            app, http=StrictProtocol, ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, interface="asgi3", proxy_headers=False,
        )  # fmt: skip
        self._http = http
        self._uds = uds
        self._mutual = mutual
        self._limits = limits
        self._state = ServerState()
        self._servers: list[asyncio.AbstractServer] = []
        self._bound: list[Path] = []
        self._sweeping: asyncio.Task[None] | None = None
        self.http_address: tuple[str, int] | None = None
        """The plain port's real address, once started."""

    async def start(self) -> None:
        """Listen; raise CloudError where an address cannot be had."""
        self._config.load()
        self._state.default_headers = _date_header()
        try:
            if self._uds is not None:
                await self._listen_uds(self._uds, self._protocol(proxied=True))
            if self._mutual is not None:
                await self._listen_uds(
                    self._mutual, self._protocol(CertifiedProtocol, proxied=True)
                )
            if self._http is not None:
                await self._listen_http(*self._http)
        except OSError as error:
            await self.stop(0.0)
            raise unavailable(f"The HTTP door cannot listen: {error.strerror}.") from error
        self._sweeping = asyncio.create_task(self._sweep(), name="http-sweep")

    async def stop(self, grace_seconds: float) -> None:
        """Take no new connections; let requests in flight end within the grace, then cut them."""
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=grace_seconds)
        for task in self._state.tasks:
            task.cancel()
        await self._cut()
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        while self._bound:
            self._bound.pop().unlink(missing_ok=True)
        self._servers.clear()

    async def _cut(self) -> None:
        # An accepted connection takes some turns of the loop to appear, and a cut one to go.
        for _ in range(_CUTTING_TURNS):
            for connection in list(self._state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)

    async def _listen_http(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._protocol(proxied=False), host, port, backlog=_BACKLOG
        )
        self._servers.append(server)
        address = server.sockets[0].getsockname()
        self.http_address = (address[0], address[1])

    async def _listen_uds(self, path: Path, protocol: _Protocol) -> None:
        bound = _bound(path)
        self._bound.append(path)
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(protocol, sock=bound, backlog=_BACKLOG)
        self._servers.append(server)

    def _protocol(self, kind: type[StrictProtocol] = StrictProtocol, *, proxied: bool) -> _Protocol:
        return functools.partial(
            kind, self._config, self._state, limits=self._limits, proxied=proxied
        )

    async def _sweep(self) -> None:
        """Judge every connection's time-outs and refresh the date header."""
        loop = asyncio.get_running_loop()
        pause = _sweep_seconds(self._limits)
        while True:
            await asyncio.sleep(pause)
            self._state.default_headers = _date_header()
            now = loop.time()
            for connection in list(self._state.connections):
                cast("StrictProtocol", connection).expire(now)


def _bound(path: Path) -> socket.socket:
    if len(bytes(path)) > _SOCKET_PATH_BYTES_MAX:
        raise unavailable(f"The socket's path is too long for the system: {path}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    if path.exists() and stat.S_ISSOCK(path.lstat().st_mode):
        if _answers(path):
            raise unavailable(f"Another process serves on {path}.")
        path.unlink()  # left behind by a process that was killed
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
    except OSError:
        bound.close()
        raise
    return bound


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _sweep_seconds(limits: HTTPLimits) -> float:
    shortest = min(
        limits.head_seconds, limits.idle_seconds, limits.body_idle_seconds,
        limits.response_idle_seconds, limits.linger_seconds, float(_SWEEPS_PER_LIMIT),
    )  # fmt: skip
    return shortest / _SWEEPS_PER_LIMIT


def _date_header() -> list[tuple[bytes, bytes]]:
    return [(b"date", formatdate(usegmt=True).encode())]
