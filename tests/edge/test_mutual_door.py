"""Hosts that ask for a client's certificate: what reaches the application, and what never does."""

import asyncio
import contextlib
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import pytest_asyncio

from rempart.edge.http import HTTPLimits, HTTPServer
from rempart.edge.tls import Mutual, TLSDoor
from support.authority import Authority

MUTUAL, PLAIN = "sts.mtls.lab.test", "sts.lab.test"
HEADER = "x-forwarded-client-cert"
FORGED = f'Hash={"0" * 64};Cert="-----BEGIN%20CERTIFICATE-----"'


@dataclass
class Heard:
    """Remembers of each request the certificate that came with it, and its headers."""

    certificates: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        del receive
        self.certificates.append(scope["extensions"].get("tls", {}).get("client_cert", b""))
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        assert scope["client"][0] == "127.0.0.1"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"heard"})


@dataclass
class Door:
    heard: Heard
    http: tuple[str, int]
    tls: TLSDoor
    authority: Authority

    def context(self, protocol: str, client: tuple[Path, Path] | None) -> ssl.SSLContext:
        context = self.authority.trust()
        context.set_alpn_protocols([protocol])
        if client is not None:
            context.load_cert_chain(*client)
        return context

    async def ask(
        self, host: str, *headers: str, context: ssl.SSLContext | None = None, sent_to: str = ""
    ) -> bytes:
        """Ask by HTTP/1.1; without a context on the plain port."""
        at = self.http if context is None else self.tls.address
        reader, writer = await asyncio.open_connection(
            *at, ssl=context, server_hostname=host if context else None
        )
        head = ["GET /x HTTP/1.1", f"Host: {sent_to or host}", "Connection: close", *headers]
        writer.write("\r\n".join((*head, "", "")).encode())
        answer = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            answer = await asyncio.wait_for(reader.read(), 5)
        writer.transport.abort()
        return answer

    async def ask_h2(self, host: str, context: ssl.SSLContext, *headers: tuple[str, str]) -> None:
        reader, writer = await asyncio.open_connection(
            *self.tls.address, ssl=context, server_hostname=host
        )
        spoken = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        spoken.initiate_connection()
        target = {":method": "GET", ":path": "/x", ":scheme": "https", ":authority": host}
        spoken.send_headers(1, [*target.items(), *headers], end_stream=True)
        writer.write(spoken.data_to_send())
        async with asyncio.timeout(5):
            ended = False
            while not ended:
                events = spoken.receive_data(await reader.read(65536))
                ended = any(isinstance(one, h2.events.StreamEnded) for one in events)
        writer.transport.abort()


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    authority, run = Authority(), Path("/tmp") / f"rempart-mutual-{os.getpid()}"
    certificate, key = authority.issue(tmp_path, f"*.mtls.{PLAIN.removeprefix('sts.')}")
    heard, mutual = Heard(), Mutual(("*.mtls.lab.test",), run / "mtls.sock")
    server = HTTPServer(
        heard,
        http=("127.0.0.1", 0),
        uds=run / "http.sock",
        mutual=mutual.uds,
        limits=HTTPLimits(),
    )
    tls = TLSDoor(
        listen=("127.0.0.1", 0),
        uds=run / "http.sock",
        certificate=certificate,
        key=key,
        run_dir=run,
        mutual=mutual,
    )
    await server.start()
    try:
        await tls.start()
        assert server.http_address is not None
        yield Door(heard, server.http_address, tls, authority)
    finally:
        await tls.stop()
        await server.stop(1.0)
        shutil.rmtree(run, ignore_errors=True)


@pytest.fixture
def client(tmp_path: Path) -> tuple[Path, Path]:
    """Return a certificate of an authority that nobody here knows."""
    return Authority("Elsewhere").issue(tmp_path, "client", client=True)


async def test_the_certificate_that_a_client_proves_reaches_the_application(
    door: Door, client: tuple[Path, Path]
) -> None:
    await door.ask(MUTUAL, context=door.context("http/1.1", client))
    await door.ask_h2(MUTUAL, door.context("h2", client))
    assert door.heard.certificates == [client[0].read_bytes()] * 2
    assert not any(HEADER in one for one in door.heard.headers)


async def test_a_client_may_show_none_and_the_other_hosts_ask_for_none(
    door: Door, client: tuple[Path, Path]
) -> None:
    await door.ask(MUTUAL, context=door.context("http/1.1", None))
    await door.ask_h2(MUTUAL, door.context("h2", None))
    context = door.context("http/1.1", client)
    context.check_hostname = False
    await door.ask(PLAIN, context=context)
    await door.ask(PLAIN, context=context, sent_to=MUTUAL)
    assert door.heard.certificates == [b""] * 4


async def test_a_header_that_a_client_wrote_is_never_taken_for_a_certificate(
    door: Door, client: tuple[Path, Path]
) -> None:
    await door.ask(MUTUAL, f"{HEADER}: {FORGED}", sent_to=MUTUAL)
    bare, shown = (door.context("http/1.1", one) for one in (None, client))
    bare.check_hostname = False
    await door.ask(PLAIN, f"{HEADER}: {FORGED}", context=bare)
    await door.ask(MUTUAL, f"{HEADER}: {FORGED}", context=bare)
    await door.ask(MUTUAL, f"{HEADER}: {FORGED}", f"{HEADER}: {FORGED}", context=bare)
    await door.ask_h2(MUTUAL, door.context("h2", None), (HEADER, FORGED))
    assert door.heard.certificates == [b""] * 5
    await door.ask(MUTUAL, f"{HEADER}: {FORGED}", context=shown)
    await door.ask_h2(MUTUAL, door.context("h2", client), (HEADER, FORGED))
    assert door.heard.certificates[5:] == [client[0].read_bytes()] * 2


async def test_one_connections_certificate_is_not_the_next_ones(
    door: Door, client: tuple[Path, Path]
) -> None:
    for shown in (client, None, client, None):
        await door.ask(MUTUAL, context=door.context("http/1.1", shown))
        await door.ask_h2(MUTUAL, door.context("h2", shown))
    certificate = client[0].read_bytes()
    assert door.heard.certificates == [certificate, certificate, b"", b""] * 2


async def test_two_ways_to_read_a_request_are_refused_there_too(door: Door) -> None:
    context = door.context("http/1.1", None)
    for header in ("Content-Length: 1\r\nTransfer-Encoding: chunked", "Host: b"):
        answer = await door.ask(MUTUAL, header, context=context)
        assert answer.startswith(b"HTTP/1.1 400"), answer
    assert door.heard.certificates == []
