"""Both listeners of a universe, and what answers behind them, which may be exchanged meanwhile."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from rempart.edge.asgi import Application
from rempart.edge.body import Receive
from rempart.edge.http.front_check import HTTPLimits
from rempart.edge.http.server import HTTPServer
from rempart.edge.render import Send
from rempart.edge.tls import Mutual, TLSDoor
from rempart.trust.custody import pki

STOP_GRACE_SECONDS = 10.0

Place = tuple[str, int]


class Doors:
    """Opens with a first application; a later one takes its place between two requests."""

    def __init__(self, data: Path, *, domain: str, listen: Place, http: Place) -> None:
        run_dir = data / "run"
        run_dir.mkdir(mode=0o700, exist_ok=True)
        uds, certificate = run_dir / "http.sock", pki.files(data)
        mutual = Mutual(pki.mutual_names(domain), run_dir / "mtls.sock")
        self._app: Application | None = None
        self._closed = False
        self._asked = http
        self._http = HTTPServer(
            self._pass_on, http=http, uds=uds, mutual=mutual.uds, limits=HTTPLimits()
        )
        self.tls = TLSDoor(
            listen=listen,
            uds=uds,
            certificate=certificate.certificate,
            key=certificate.key,
            run_dir=run_dir,
            mutual=mutual,
        )

    async def open(self, app: Application) -> tuple[Place, Place]:
        """Let this application answer from now on; return where, TLS and plain."""
        first, self._app = self._app is None, app
        if first:
            await self._http.start()
            await self.tls.start()
        return self.tls.address, self._http.http_address or self._asked

    async def close(self) -> None:
        """Let requests in flight end, within a grace; once is enough."""
        if self._app is None or self._closed:
            return
        self._closed = True
        await self._http.stop(STOP_GRACE_SECONDS)
        await self.tls.stop()

    async def _pass_on(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if self._app is not None:
            await self._app(scope, receive, send)
