"""An ASGI client: sends one request in given pieces and collects the answer."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros, World
from rempart.edge.asgi import Application, Endpoint
from rempart.edge.body import RequestBody
from rempart.edge.routes import RouteTable
from rempart.wire import load

DOMAIN = "apis.example.test"
STORAGE = f"storage.{DOMAIN}"
KMS = f"cloudkms.{DOMAIN}"
ROUTES = RouteTable([load("storage", "v1"), load("cloudkms", "v1"), load("sts", "v1")], DOMAIN)
WORLD = World(lambda: Micros(1_780_000_000_000_000), lambda size: b"\xab" * size)


@dataclass
class Answered:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False

    def __getitem__(self, name: str) -> str:
        [value] = [value for known, value in self.headers if known == name]
        return value

    def has(self, name: str) -> bool:
        return any(known == name for known, _ in self.headers)

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.document["error"]


class Gate:
    """Remembers the calls, reads their bodies and answers as it is told."""

    def __init__(self, answer: Reply | BaseException | None = None) -> None:
        self.answer = answer or Reply(document={"kind": "test"})
        self.calls: list[Call] = []
        self.bodies: list[bytes] = []

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        self.bodies.append(await call.body.read(1 << 30))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    @property
    def call(self) -> Call:
        [call] = self.calls
        return call

    @property
    def body(self) -> bytes:
        [body] = self.bodies
        return body


def received(pieces: Sequence[bytes], *, cut: bool = False) -> Any:
    events: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    if not cut:
        last = events.pop() if events else {"type": "http.request", "body": b""}
        events.append({**last, "more_body": False})
    at = iter(events)

    async def receive() -> Any:
        return next(at, {"type": "http.disconnect"})

    return receive


def body_of(*pieces: bytes, cut: bool = False, length: int | None = None) -> RequestBody:
    return RequestBody(received(pieces, cut=cut), length)


async def pieces_of(content: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


def application(gate: Any, *extra: Endpoint) -> Application:
    return Application(ROUTES, gate, extra=extra, world=WORLD, universe_domain=DOMAIN)


async def exchange(
    gate: Any,
    verb: str,
    target: str,
    *,
    host: str = STORAGE,
    headers: dict[str, str] | None = None,
    body: bytes | Sequence[bytes] = b"",
    extra: Sequence[Endpoint] = (),
    scheme: str = "https",
    cut: bool = False,
    app: Application | None = None,
) -> Answered:
    path, _, query = target.partition("?")
    sent = {"host": host, **(headers or {})}
    pieces = [body] if isinstance(body, bytes) else list(body)
    if pieces and "content-length" not in sent and any(pieces):
        sent["content-length"] = str(sum(map(len, pieces)))
    answered = Answered()

    async def send(event: Any) -> None:
        if event["type"] == "http.response.start":
            answered.status = event["status"]
            answered.headers = [(k.decode(), v.decode("latin-1")) for k, v in event["headers"]]
        else:
            answered.body += event.get("body", b"")
            answered.ended = not event.get("more_body", False)

    scope = {
        "type": "http",
        "method": verb,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.items()],
        "scheme": scheme,
        "client": ("192.0.2.7", 4711),
    }
    await (app or application(gate, *extra))(scope, received(pieces, cut=cut), send)
    return answered
