"""A key holder's manager that a test makes misbehave: the outside world, on a port of this process.

It speaks docs/spec/external-key-manager.md when it behaves. Tests of the real one are elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HOST = "ekm.example.test"
Json = dict[str, Any]


@dataclass(frozen=True)
class Certificate:
    """A leaf that signs itself, and its key."""

    der: bytes
    key: bytes

    @classmethod
    def of(
        cls,
        host: str = HOST,
        *,
        days: tuple[int, int] = (-1, 30),
        signer: Certificate | None = None,
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        above = x509.load_der_x509_certificate(signer.der).subject if signer else name
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(above)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=days[0]))
            .not_valid_after(now + dt.timedelta(days=days[1]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(signer.private_key if signer else key, hashes.SHA256())
        )
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return cls(
            made.public_bytes(serialization.Encoding.DER),
            key.private_bytes(serialization.Encoding.PEM, *form),
        )

    @property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(self.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    @property
    def pem(self) -> bytes:
        return ssl.DER_cert_to_PEM_cert(self.der).encode()

    def server(self, client: Certificate | None = None) -> ssl.SSLContext:
        """Return how a server speaks TLS; with a client's certificate, nobody else may come."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if client is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=client.der)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "both.pem"
            path.write_bytes(self.pem + self.key)
            context.load_cert_chain(path)
        return context


@dataclass(frozen=True)
class Request:
    verb: str
    path: str
    headers: dict[str, str]
    document: Json

    @property
    def claims(self) -> Json:
        token = self.headers["authorization"].removeprefix("Bearer ")
        return jwt.decode(token, options={"verify_signature": False})


Behaviour = Callable[["FakeEkm", Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FakeEkm:
    """Keys by path, and what was asked so far."""

    certificate: Certificate
    behave: Behaviour | None = None
    keys: dict[str, bytes] = field(default_factory=dict)
    signers: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    refused: tuple[int, str] | None = None
    """The status and message with which every use is refused."""
    lease: str = ""
    client: Certificate | None = None
    """The certificate without which nobody is listened to."""
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self.certificate.server(self.client)
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go away: whoever connects is refused by the machine."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    def key(self, path: str = "v0/cryptospaces/s/keys/k") -> str:
        self.keys[path] = os.urandom(32)
        return path

    def signer(self, path: str = "v0/cryptospaces/s/keys/sign") -> str:
        self.signers[path] = ec.generate_private_key(ec.SECP256R1())
        return path

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                verb, path, _ = first.split(" ")
                request = Request(verb, path[1:], headers, json.loads(body or b"{}"))
                self.requests.append(request)
                if self.behave is not None:
                    await self.behave(self, request, writer)
                else:
                    answer(writer, *self.answer(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass  # a cancelled task of a stream server is a logged error until Python 3.12
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    def answer(self, request: Request) -> tuple[int, Json]:
        path, _, verb = request.path.partition(":")
        if self.refused is not None:
            return error(*self.refused)
        if path in self.signers:
            return self._sign(self.signers[path], request.document)
        if path in self.keys:
            return self._use(path, verb, request.document)
        return self._tell(path, verb)

    def _tell(self, path: str, verb: str) -> tuple[int, Json]:
        match verb:
            case "createKey":
                made = f"{path}/keys/made-{len(self.keys)}"
                self.key(made)
                return 200, {"keyPath": made}
            case "checkCryptoSpacePermissions":
                return 200, {"allowed": True}
            case "" if path == "v0/info":
                return 200, {"name": "a test's", "version": "0"}
        return error(404, "no such key")

    def _use(self, path: str, verb: str, document: Json) -> tuple[int, Json]:
        if verb == "destroyKey":
            del self.keys[path]
            return 200, {}
        return self._wrap(AESGCM(self.keys[path]), verb, document)

    def _wrap(self, cipher: AESGCM, verb: str, document: Json) -> tuple[int, Json]:
        bound = document["additionalContext"]["relativeResourceName"].encode()
        if verb == "wrap":
            nonce = os.urandom(12)
            sealed = nonce + cipher.encrypt(nonce, base64.b64decode(document["plaintext"]), bound)
            return 200, {"wrappedBlob": base64.b64encode(sealed).decode()}
        blob = base64.b64decode(document["wrappedBlob"])
        try:
            opened = cipher.decrypt(blob[:12], blob[12:], bound)
        except InvalidTag:
            return error(400, "not wrapped by this key", "DECRYPTION_FAILED")
        lease = {"allowedCacheDuration": self.lease} if self.lease else {}
        return 200, {"plaintext": base64.b64encode(opened).decode()} | lease

    def _sign(self, key: ec.EllipticCurvePrivateKey, document: Json) -> tuple[int, Json]:
        if "digest" not in document:
            pem = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            return 200, {"publicKey": {"pem": pem.decode()}, "algorithm": "EC_SIGN_P256_SHA256"}
        digest = base64.b64decode(document["digest"]["sha256"])
        signature = key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        return 200, {"signature": base64.b64encode(signature).decode()}


def error(code: int, message: str, reason: str = "") -> tuple[int, Json]:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    return code, {"error": {"code": code, "message": message, "details": details if reason else []}}


def answer(writer: asyncio.StreamWriter, status: int, document: Json) -> None:
    raw(writer, status, json.dumps(document).encode())


def raw(writer: asyncio.StreamWriter, status: int, body: bytes, *headers: str) -> None:
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *headers]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)


@asynccontextmanager
async def fake_ekm(certificate: Certificate | None = None) -> AsyncIterator[FakeEkm]:
    made = FakeEkm(certificate or Certificate.of())
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


# How it misbehaves.


async def hangs(_: FakeEkm, _request: Request, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def trickles(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
    """Sends a byte now and then, so that no single read takes long."""
    for piece in b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b"x" * 1000:
        writer.write(bytes([piece]))
        await asyncio.sleep(0.05)


async def hangs_up(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def breaks_off(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"wrappedBlob":')
    await writer.drain()
    writer.close()


async def no_http(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x15\x03\x01 what is this?\r\n\r\n")


async def floods(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _number in range(1000):
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


async def answers_twice(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
    body = b'{"wrappedBlob":"AAAA"}'
    writer.write(2 * (b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)))


async def never_ends(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
    """Answers as servers did before lengths were declared: whole or cut, who knows."""
    writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"wrappedBlob":"AAAA"}')
    await writer.drain()
    writer.close()


async def redirects(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
    raw(writer, 302, b"", "location: https://elsewhere.example.test/v0/keys/k:wrap")


def says(status: int, body: bytes) -> Behaviour:
    async def behave(_: FakeEkm, _request: Request, writer: asyncio.StreamWriter) -> None:
        raw(writer, status, body)

    return behave
