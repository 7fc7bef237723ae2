"""A universe opened in this process: requests go through the real application, no socket between.

Time and randomness are the harness's own, so that two runs of one workload make the same calls.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt

from rempart import app, config, durable
from rempart.config import Config
from rempart.core.call import Call, Reply
from rempart.core.clock import Micros, World
from rempart.edge.asgi import Application
from rempart.edge.routes import RouteTable
from rempart.engine.seam import Engine
from rempart.trust.custody.keyring import KEY_BYTES, ROOT_KEY
from rempart.trust.custody.sealing.files import clear_keyring
from rempart.wire import all_services

SETTINGS: Config = config.first(config.Flags())
BEGIN_SECONDS = 1_800_000_000
CHECK_SECONDS = BEGIN_SECONDS + 1_800
TOKEN_SECONDS = 3_600
TOKEN_FILE = "token"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `cut` tells that the body broke off."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    cut: bool = False

    def document(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.content)
        return content


def world(seed: int, seconds: int = BEGIN_SECONDS) -> World:
    """Return a world whose time moves by a millisecond a look and whose randomness has a seed."""
    looks = 0

    def clock() -> Micros:
        nonlocal looks
        looks += 1
        return Micros(seconds * 1_000_000 + looks * 1000)

    drawn = 0

    def random(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(b"%d %d %d" % (seed, seconds, drawn)).digest(count)

    return World(clock, random)


def found(data: Path) -> None:
    """Create a universe, and beside it a token that is good at the harness's time."""
    data.mkdir(mode=0o700, parents=True)
    durable.create(data / ROOT_KEY, os.urandom(KEY_BYTES))
    asyncio.run(app.first_start(data, SETTINGS, clear_keyring(data)))
    key = json.loads((data / app.ADMIN_KEY).read_text())
    claims = {
        "iss": key["client_email"],
        "sub": key["client_email"],
        "iat": BEGIN_SECONDS,
        "exp": BEGIN_SECONDS + TOKEN_SECONDS,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    }
    token = jwt.encode(
        claims, key["private_key"], algorithm="RS256", headers={"kid": key["private_key_id"]}
    )
    (data / TOKEN_FILE).write_text(token)


class _Switch:
    """Routes are read once; each opened universe takes its turn behind them."""

    def __init__(self) -> None:
        self.parts: app.Parts | None = None

    async def serve(self, call: Call) -> Reply:
        if self.parts is None:
            raise LookupError("no universe is open")
        return await self.parts.gate.serve(call)


@cache
def _door() -> tuple[_Switch, Application]:
    switch = _Switch()
    routes = RouteTable(all_services(), SETTINGS.domain)
    door = Application(routes, switch.serve, world=_SHARED, universe_domain=SETTINGS.domain)
    return switch, door


class _Shared:
    """The application's clock and randomness are those of the universe that is open."""

    now: World = world(0)


def _clock() -> Micros:
    return _Shared.now.clock()


def _random(count: int) -> bytes:
    return _Shared.now.random(count)


_SHARED = World(_clock, _random)


@dataclass(frozen=True, slots=True)
class Cloud:
    """An open universe."""

    engine: Engine
    parts: app.Parts
    token: str

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        document: object = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request and return the whole answer."""
        sent = {"host": f"storage.{SETTINGS.domain}", "authorization": f"Bearer {self.token}"}
        if document is not None:
            body = json.dumps(document).encode()
            sent["content-type"] = "application/json"
        sent |= dict(headers or {})
        sent["content-length"] = str(len(body))
        return await _asgi(method, path, urlencode(query or {}), sent, body)


async def _asgi(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    _, door = _door()
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
        "client": ("127.0.0.1", 1),
    }
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    status, got, content, ended = 0, dict[str, str](), bytearray(), False
    answered = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        if not waiting:
            # A client that reads its answer sends nothing more.
            await answered.wait()
            return {"type": "http.disconnect"}
        return waiting.pop()

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, got, ended
        if message["type"] == "http.response.start":
            status = message["status"]
            got = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return
        content.extend(message.get("body", b""))
        ended = not message.get("more_body", False)
        if ended:
            answered.set()

    try:
        await door(scope, receive, send)
    except Exception:  # noqa: BLE001 - the server closes the connection, whatever it was
        return Answer(status, got, bytes(content), cut=True)
    declared = got.get("content-length")
    short = declared is not None and method != "HEAD" and int(declared) != len(content)
    return Answer(status, got, bytes(content), cut=short or not ended)


def _ignore(_reason: str) -> None:
    """Leave a fence to the callers."""


@asynccontextmanager
async def opened(
    data: Path,
    seed: int = 0,
    seconds: int = BEGIN_SECONDS,
    on_fenced: Callable[[str], None] = _ignore,
) -> AsyncIterator[Cloud]:
    """Open the universe of a data directory; closes it as a server that stops does."""
    keyring = clear_keyring(data)
    engine = await app.open_engine(data, SETTINGS, keyring, on_fenced)
    try:
        now = world(seed, seconds)
        parts = app.assemble(engine, keyring, SETTINGS, now)
        switch, _ = _door()
        switch.parts = parts
        _Shared.now = now
        yield Cloud(engine, parts, (data / TOKEN_FILE).read_text())
    finally:
        await engine.close()
