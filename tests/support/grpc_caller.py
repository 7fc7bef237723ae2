"""A gRPC caller without a network: frames in, status and message out."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from rempart.edge.grpc.messages import google_messages
from support.exchange import KMS, application, received

KEYS = "google.cloud.kms.v1.KeyManagementService"
TYPED = {"content-type": "application/grpc", "te": "trailers"}


@dataclass
class Told:
    """What a gRPC client makes of a response."""

    http: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def status(self) -> dict[str, str]:
        """Return the trailers, which a Trailers-Only response has in its headers."""
        return self.trailers or self.headers

    @property
    def code(self) -> int:
        return int(self.status["grpc-status"])

    @property
    def message(self) -> str:
        return unquote(self.status["grpc-message"], errors="strict")

    @property
    def packed(self) -> dict[str, Any]:
        """Return google.rpc.Status in JSON form."""
        raw = self.status["grpc-status-details-bin"]
        return google_messages().read("google.rpc.Status", b64decode(raw + "=" * (-len(raw) % 4)))


def frame(message: bytes, *, flag: int = 0, length: int | None = None) -> bytes:
    size = len(message) if length is None else length
    return bytes([flag]) + size.to_bytes(4, "big") + message


def encoded(name: str, document: dict[str, Any]) -> bytes:
    return google_messages().write(f"google.cloud.kms.v1.{name}", document)


async def ask(
    gate: Any,
    method: str,
    *pieces: bytes,
    host: str = KMS,
    headers: dict[str, str] | None = None,
    app: Any = None,
) -> Told:
    told = Told()

    async def send(event: Any) -> None:
        pairs = {k.decode(): v.decode("ascii") for k, v in event.get("headers", ())}
        if event["type"] == "http.response.start":
            told.http, told.headers = event["status"], pairs
        elif event["type"] == "http.response.trailers":
            told.trailers = pairs
        else:
            told.body += event["body"]

    sent = TYPED | {"host": host} | (headers or {})
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": f"/{method}".encode(),
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in sent.items() if v],
        "scheme": "https",
        "client": ("192.0.2.7", 4711),
    }
    await (app or application(gate))(scope, received(pieces), send)
    return told
