"""Both doors, as real listeners: what they refuse, what they pass on, and when they hang up."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.test_front_check import MALFORMED
from rempart.core.errors import CloudError
from rempart.edge.http import HTTPLimits, HTTPServer
from rempart.edge.tls import TLSDoor

FAST = HTTPLimits(
    head_seconds=0.4,
    idle_seconds=0.8,
    body_idle_seconds=0.4,
    response_idle_seconds=0.6,
    linger_seconds=0.2,
)
HEAD = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"


class Application:
    """Tells what it received; remembers how each request ended."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, str, int]] = []
        self.has_ended = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/early":
            await _answer(send, b"early")
            return
        if path == "/echo.Echo/Stream":
            await _echo(receive, send)
            return
        if path == "/flood":
            await self._flood(send)
            return
        if path == "/slow":
            await asyncio.sleep(0.5)
        size = 0
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                self._end(path, "cut", size)
                return
            size += len(event["body"])
            if not event["more_body"]:
                break
        self._end(path, "whole", size)
        told = {
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "scheme": scope["scheme"],
            "client": scope["client"],
            "size": size,
            "headers": [
                [name.decode(), value.decode("latin-1")] for name, value in scope["headers"]
            ],
        }
        await _answer(send, json.dumps(told).encode(), trailers=path == "/trailers")

    def _end(self, path: str, how: str, size: int) -> None:
        self.ends.append((path, how, size))
        self.has_ended.set()

    async def _flood(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(400):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
        self._end("/flood", "sent", 0)


async def _echo(receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "trailers": True,
                "headers": [(b"content-type", b"application/grpc")]})  # fmt: skip
    more = True
    while more:
        event = await receive()
        more = event["more_body"]
        await send({"type": "http.response.body", "body": event["body"], "more_body": more})
    await send({"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")]})


async def _answer(send: Any, body: bytes, *, trailers: bool = False) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [], "trailers": trailers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
    if trailers:
        await send({"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")]})


@dataclasses.dataclass(frozen=True, slots=True)
class Doors:
    app: Application
    http: tuple[str, int]
    tls: TLSDoor
    context: ssl.SSLContext

    async def connect(self, door: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if door == "plain":
            return await asyncio.open_connection(*self.http)
        return await asyncio.open_connection(
            *self.tls.address, ssl=self.context, server_hostname="localhost"
        )

    async def ask(self, door: str, data: bytes) -> bytes:
        """Send the bytes and return all that comes back before the end, or before 3 s of it."""
        reader, writer = await self.connect(door)
        answer = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            writer.write(data)
            async with asyncio.timeout(3):
                while piece := await reader.read(65536):
                    answer += piece
        writer.transport.abort()
        return answer

    async def ended(self, path: str) -> tuple[str, str, int]:
        async with asyncio.timeout(3):
            await self.app.has_ended.wait()
        return next(end for end in self.app.ends if end[0] == path)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with cert.pem and key.pem for localhost."""
    folder = tmp_path_factory.mktemp("ca")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """Return a folder with a short name: a unix socket's path has a small limit."""
    folder = Path("/tmp") / f"rempart-doors-{os.getpid()}"
    yield folder / "run"
    shutil.rmtree(folder, ignore_errors=True)


def _door(run_dir: Path, certificate: Path, port: int = 0) -> TLSDoor:
    return TLSDoor(
        listen=("127.0.0.1", port),
        uds=run_dir / "http.sock",
        certificate=certificate / "cert.pem",
        key=certificate / "key.pem",
        run_dir=run_dir,
    )


@contextlib.asynccontextmanager
async def _open(run_dir: Path, certificate: Path, limits: HTTPLimits) -> AsyncIterator[Doors]:
    app = Application()
    uds = run_dir / "http.sock"
    server = HTTPServer(app, http=("127.0.0.1", 0), uds=uds, limits=limits)
    await server.start()
    tls = _door(run_dir, certificate)
    try:
        await tls.start()
        context = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
        assert server.http_address is not None
        yield Doors(app, server.http_address, tls, context)
    finally:
        await tls.stop()
        await server.stop(1.0)


@pytest_asyncio.fixture
async def doors(run_dir: Path, certificate: Path) -> AsyncIterator[Doors]:
    async with _open(run_dir, certificate, HTTPLimits()) as opened:
        yield opened


@pytest_asyncio.fixture
async def impatient(run_dir: Path, certificate: Path) -> AsyncIterator[Doors]:
    limits = dataclasses.replace(FAST, unread_body_bytes_max=1024 * 1024)
    async with _open(run_dir, certificate, limits) as opened:
        yield opened


both = pytest.mark.parametrize("door", ["plain", "tls"])


def status(answer: bytes) -> int | None:
    return int(answer[9:12]) if answer else None


def told(answer: bytes) -> dict[str, Any]:
    body = answer.partition(b"\r\n\r\n")[2]
    decoded: dict[str, Any] = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])
    return decoded


@both
async def test_every_malformed_request_is_refused(doors: Doors, door: str) -> None:
    names = list(MALFORMED)
    answers = await asyncio.gather(*(doors.ask(door, MALFORMED[name]) for name in names))
    wrong = {
        name: answer[:60]
        for name, answer in zip(names, answers, strict=True)
        if answer and not 400 <= int(answer[9:12]) < 500
    }
    assert not wrong
    assert not doors.app.ends, "a malformed request reached the application"
    assert sum(1 for answer in answers if answer) >= len(names) - 1


@both
async def test_the_path_arrives_as_it_was_sent(doors: Doors, door: str) -> None:
    target = b"/a//b/%2F%3a/./../c?x=%20&y=//"
    head = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = await doors.ask(door, head)
    assert told(answer)["raw_path"] == "/a//b/%2F%3a/./../c"
    assert told(answer)["query"] == "x=%20&y=//"


@both
async def test_the_application_sees_the_scheme_and_the_real_client(doors: Doors, door: str) -> None:
    reader, writer = await doors.connect(door)
    writer.write(HEAD % b"x")
    await reader.readuntil(b"\r\n\r\n")
    seen = told(b"\r\n\r\n" + await reader.readuntil(b"}"))
    assert seen["scheme"] == {"plain": "http", "tls": "https"}[door]
    assert tuple(seen["client"]) == writer.get_extra_info("sockname")
    writer.transport.abort()


@both
async def test_an_absolute_target_arrives_as_its_path(doors: Doors, door: str) -> None:
    request = b"GET http://a?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    seen = told(await doors.ask(door, request))
    assert (seen["raw_path"], seen["query"]) == ("/", "q")


@both
async def test_pipelined_requests_are_answered_in_order_on_one_connection(
    doors: Doors, door: str
) -> None:
    first = (
        b"POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    second = b"PUT /two HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nwxyz"
    last = b"GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = await doors.ask(door, first + second + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert [end[0] for end in doors.app.ends] == ["/slow", "/two", "/three"]
    assert [end[2] for end in doors.app.ends] == [3, 4, 0]


@both
async def test_a_cut_upload_is_no_end_of_a_body(doors: Doors, door: str) -> None:
    _, writer = await doors.connect(door)
    writer.write(b"PUT /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + bytes(40))
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.transport.abort()
    assert await doors.ended("/cut") == ("/cut", "cut", 40)


@both
async def test_a_chunk_that_turns_bad_cuts_the_upload(doors: Doors, door: str) -> None:
    reader, writer = await doors.connect(door)
    writer.write(b"PUT /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await asyncio.sleep(0.1)
    writer.write(b"zz\r\n")
    assert status(await reader.read()) == 400
    assert await doors.ended("/bad") == ("/bad", "cut", 3)
    writer.transport.abort()


@both
async def test_the_body_is_asked_for_when_the_application_reads(doors: Doors, door: str) -> None:
    reader, writer = await doors.connect(door)
    writer.write(b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"ab")
    assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def test_a_body_that_was_never_asked_for_ends_the_connection(doors: Doors) -> None:
    answer = await doors.ask(
        "plain",
        b"PUT /early HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    )
    assert status(answer) == 200
    assert b"connection: close" in answer


@both
async def test_a_head_that_trickles_in_is_timed_out(impatient: Doors, door: str) -> None:
    reader, writer = await impatient.connect(door)
    answer = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        for byte in HEAD % b"slow":
            writer.write(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                answer += await asyncio.wait_for(reader.read(4096), 0.1)
            if answer:
                break
    assert status(answer) == 408
    assert not impatient.app.ends
    writer.transport.abort()


@both
async def test_a_body_that_stalls_is_timed_out(impatient: Doors, door: str) -> None:
    request = b"PUT /stall HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"
    assert status(await impatient.ask(door, request)) == 408
    assert impatient.app.ends == [("/stall", "cut", 2)]


@both
async def test_a_stream_both_ways_may_be_silent(impatient: Doors, door: str) -> None:
    reader, writer = await impatient.connect(door)
    writer.write(
        b"POST /echo.Echo/Stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    writer.write(b"2\r\nab\r\n")
    await reader.readuntil(b"ab\r\n")
    await asyncio.sleep(1.2)
    writer.write(b"2\r\ncd\r\n0\r\n\r\n")
    assert await reader.readuntil(b"grpc-status: 0\r\n\r\n")
    writer.transport.abort()


async def test_an_application_may_take_longer_than_any_client_limit(impatient: Doors) -> None:
    answer = await impatient.ask("plain", HEAD % b"slow")
    assert status(answer) == 200


@both
async def test_an_idle_connection_is_closed_without_a_word(impatient: Doors, door: str) -> None:
    reader, writer = await impatient.connect(door)
    assert await asyncio.wait_for(reader.read(), 3) == b""
    writer.transport.abort()


async def test_a_client_that_takes_no_response_is_cut(impatient: Doors) -> None:
    _, writer = await impatient.connect("plain")
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a real transport has it
    writer.write(HEAD % b"flood")
    assert await impatient.ended("/flood") == ("/flood", "sent", 0)
    writer.transport.abort()


async def test_a_body_that_nobody_wants_is_not_read_for_ever(impatient: Doors) -> None:
    reader, writer = await impatient.connect("plain")
    writer.write(b"PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
    sent = 0
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(3):
            while sent < 100 * 1024 * 1024:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536
    assert sent < 50 * 1024 * 1024
    with contextlib.suppress(ConnectionError):
        assert status(await reader.read()) == 200
    writer.transport.abort()


async def test_a_connection_beyond_the_limit_hears_503(run_dir: Path) -> None:
    limits = dataclasses.replace(FAST, connections_max=2, idle_seconds=10.0)
    server = HTTPServer(Application(), http=("127.0.0.1", 0), uds=None, limits=limits)
    await server.start()
    assert server.http_address is not None
    opened = [await asyncio.open_connection(*server.http_address) for _ in range(3)]
    assert status(await opened[2][0].read()) == 503
    opened[0][1].write(HEAD % b"x")
    assert status(await opened[0][0].read(100)) == 200
    for _, writer in opened:
        writer.transport.abort()
    await server.stop(0.5)


async def test_too_many_requests_in_one_piece_are_cut_off(run_dir: Path) -> None:
    limits = dataclasses.replace(FAST, pipelined_max=8)
    server = HTTPServer(Application(), http=("127.0.0.1", 0), uds=None, limits=limits)
    await server.start()
    assert server.http_address is not None
    reader, writer = await asyncio.open_connection(*server.http_address)
    writer.write(HEAD % b"slow" + (HEAD % b"x") * 20)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 3) == b""
    writer.transport.abort()
    await server.stop(0.5)


async def test_stopping_lets_a_request_in_flight_end(run_dir: Path) -> None:
    server = HTTPServer(Application(), http=("127.0.0.1", 0), uds=None, limits=HTTPLimits())
    await server.start()
    assert server.http_address is not None
    reader, writer = await asyncio.open_connection(*server.http_address)
    writer.write(HEAD % b"slow")
    await asyncio.sleep(0.1)
    await server.stop(5.0)
    answer = await reader.read()
    assert status(answer) == 200
    assert b"connection: close" in answer
    with pytest.raises(OSError, match=r".*"):
        await asyncio.open_connection(*server.http_address)
    writer.transport.abort()


async def test_a_port_that_is_taken_is_said_so(run_dir: Path, certificate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CloudError, match="cannot listen"):
            await HTTPServer(Application(), http=("127.0.0.1", port), uds=None, limits=FAST).start()
        with pytest.raises(CloudError, match="cannot have"):
            await _door(run_dir, certificate, port).start()


async def test_a_socket_that_is_served_is_not_taken_over_but_a_left_one_is(run_dir: Path) -> None:
    def server() -> HTTPServer:
        return HTTPServer(Application(), http=None, uds=run_dir / "http.sock", limits=FAST)

    _leave_a_socket(run_dir)
    first = server()
    await first.start()
    with pytest.raises(CloudError, match="Another process"):
        await server().start()
    reader, writer = await asyncio.open_unix_connection(run_dir / "http.sock")
    writer.write(HEAD % b"x")
    assert await reader.read() == b"", "without a PROXY header the connection ends"
    writer.transport.abort()
    await first.stop(0.1)
    assert not _modes(run_dir)


async def test_a_door_without_a_certificate_does_not_start(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="ended at once"):
        await _door(run_dir, tmp_path).start()


async def test_what_the_doors_write_belongs_to_their_user_alone(
    doors: Doors, run_dir: Path
) -> None:
    assert _modes(run_dir) == {"envoy.json": 0o600, "envoy.log": 0o600, "http.sock": 0o600}
    assert _modes(run_dir.parent) == {"run": 0o700}


async def test_the_unix_socket_hears_nobody_without_a_proxy_header(
    doors: Doors, run_dir: Path
) -> None:
    reader, writer = await asyncio.open_unix_connection(run_dir / "http.sock")
    writer.write(HEAD % b"x")
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 3) == b""
    assert not doors.app.ends
    writer.transport.abort()


async def test_http2_is_spoken_with_the_path_untouched(doors: Doors) -> None:
    host, port = doors.tls.address
    async with httpx.AsyncClient(http2=True, verify=doors.context) as client:
        url = f"https://localhost:{port}/a//b%2F%3A/c?x=%2F"
        answers = await asyncio.gather(
            *(client.put(url, content=bytes(100_000)) for _ in range(20))
        )
    assert host == "127.0.0.1"
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    seen = answers[0].json()
    assert (seen["raw_path"], seen["query"]) == ("/a//b%2F%3A/c", "x=%2F")
    assert (seen["scheme"], seen["client"][0], seen["size"]) == ("https", "127.0.0.1", 100_000)
    assert "server" not in answers[0].headers
    names = {name for name, _ in seen["headers"]}
    assert not {name for name in names if name.startswith("x-")}


async def test_http2_clients_receive_trailer_fields(doors: Doors) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl shows trailer fields; it is not installed")
    process = await asyncio.create_subprocess_exec(
        curl, "-sik", "--http2", f"https://localhost:{doors.tls.address[1]}/trailers",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert output.startswith(b"HTTP/2 200")
    assert output.endswith(b"grpc-status: 0\r\n")


async def test_a_real_grpc_client_streams_both_ways_in_turn(
    doors: Doors, certificate: Path
) -> None:
    grpc = pytest.importorskip("grpc", reason="grpcio is the client of this test")
    credentials = grpc.ssl_channel_credentials((certificate / "cert.pem").read_bytes())
    address = f"localhost:{doors.tls.address[1]}"
    async with grpc.aio.secure_channel(address, credentials) as channel:
        call = channel.stream_stream("/echo.Echo/Stream")()
        for number in range(5):
            await call.write(b"%d" % number)
            # Each answer comes before the next question: nothing on the way waits for the end.
            assert await asyncio.wait_for(call.read(), 3) == b"%d" % number
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK


async def test_an_http2_upload_that_is_cut_is_no_end_of_a_body(doors: Doors) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield bytes(1000)
        await asyncio.sleep(0.2)
        raise ConnectionAbortedError

    async with httpx.AsyncClient(http2=True, verify=doors.context) as client:
        with pytest.raises(ConnectionAbortedError):
            await client.put(f"https://localhost:{doors.tls.address[1]}/half", content=half())
    assert await doors.ended("/half") == ("/half", "cut", 1000)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-groups", "X25519MLKEM768", "-tls1_3"], b"X25519MLKEM768"),
        (["-groups", "X25519", "-tls1_3"], b"X25519"),
        (["-groups", "P-256", "-tls1_3"], b"ECDH, prime256v1"),
        (["-groups", "P-384", "-tls1_3"], None),
        (["-tls1_2"], b"TLSv1.2"),
        (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], None),
    ],
)
async def test_the_tls_groups_and_versions_are_the_chosen_ones(
    doors: Doors, arguments: list[str], expected: bytes | None
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the handshakes; it is not installed")
    process = await asyncio.create_subprocess_exec(
        openssl, "s_client", "-connect", f"localhost:{doors.tls.address[1]}", *arguments,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    if b"group" in output and b"Call to SSL_CONF_cmd" in output:
        pytest.skip("this openssl is older than 3.5 and does not know X25519MLKEM768")
    if expected is None:
        assert b"Cipher is (NONE)" in output
    else:
        assert expected in output


async def test_a_post_quantum_key_exchange_is_agreed_on(doors: Doors) -> None:
    connection = pytest.importorskip("OpenSSL.SSL", reason="pyOpenSSL carries a newer OpenSSL")
    context = connection.Context(connection.TLS_CLIENT_METHOD)
    client = connection.Connection(context, socket.create_connection(doors.tls.address))
    if not hasattr(client, "get_group_name"):
        pytest.skip("this pyOpenSSL cannot name the group")
    client.set_connect_state()
    await asyncio.to_thread(client.do_handshake)
    assert client.get_group_name() == "X25519MLKEM768"
    client.close()


async def test_the_death_of_envoy_is_reported(doors: Doors) -> None:
    assert doors.tls.pid is not None
    os.kill(doors.tls.pid, signal.SIGKILL)
    assert await asyncio.wait_for(doors.tls.wait_exit(), 3) == -signal.SIGKILL


PARENT = """
import asyncio, sys
from pathlib import Path
from rempart.edge.tls import TLSDoor
async def main():
    run, folder = Path(sys.argv[1]), Path(sys.argv[2])
    door = TLSDoor(listen=("127.0.0.1", 0), uds=run / "http.sock", run_dir=run,
                   certificate=folder / "cert.pem", key=folder / "key.pem")
    await door.start()
    print(door.pid, flush=True)
    await door.wait_exit()
asyncio.run(main())
"""


async def test_envoy_dies_with_its_parent_however_the_parent_dies(
    run_dir: Path, certificate: Path
) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(run_dir), str(certificate), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    envoy = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    assert _runs(envoy)
    parent.kill()
    await parent.wait()
    for _ in range(150):
        if not _runs(envoy):
            return
        await asyncio.sleep(0.02)
    pytest.fail("Envoy outlived its parent")


def _leave_a_socket(run_dir: Path) -> None:
    run_dir.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(run_dir / "http.sock"))


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
