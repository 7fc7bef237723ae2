"""Issuers that rotate their keys, are down, slow, redirect or serve garbage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from rempart import outbound
from rempart.core.jwks import BadKeySet
from rempart.core.key_set import KEEP_SECONDS, RETRY_SECONDS, STALE_SECONDS_MAX
from rempart.trust.identity.federation import issuers as issuers_module
from rempart.trust.identity.federation.issuers import DISCOVERY, FETCHES_OF_AN_OWNER_MAX, Issuers
from rempart.trust.identity.federation.pools import OIDC
from rempart.trust.identity.federation.refusal import Refused
from support.authority import Authority
from support.oidc_provider import signing_key
from support.worlds import SetClock


def public(*kids: str) -> str:
    keys = [_PUBLIC | {"kid": kid} for kid in kids]
    return json.dumps({"keys": keys})


_SIGNING = signing_key("k")
_PUBLIC = {name: _SIGNING[name] for name in ("kty", "n", "e", "use", "alg")}


class Publisher:
    """An issuer over TLS; what it serves can be changed, and it counts."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.keys, self.status, self.pause, self.asked = public("first"), 200, 0.0, 0
        self.changes: dict[str, Any] = {}
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked += self.path != DISCOVERY
                self.send_response(publisher.status)
                self.send_header("location", "/elsewhere")
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(publisher.text(self.path)[:1])
                    time.sleep(publisher.pause)
                    self.wfile.write(publisher.text(self.path)[1:])

            @override
            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            @override
            def handle_error(self, *_: object) -> None:
                """Say nothing of who hangs up."""

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue(folder, "localhost"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}"

    def text(self, path: str) -> bytes:
        if path != DISCOVERY:
            return self.keys.encode()
        said = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.changes
        return json.dumps(said).encode()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def publisher(tmp_path: Path, authority: Authority) -> Iterator[Publisher]:
    made = Publisher(tmp_path, authority)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def issuers(authority: Authority, clock: SetClock) -> Iterator[Issuers]:
    made = Issuers(authority.pem, clock)
    yield made
    made.close()


async def known(issuers: Issuers, publisher: Publisher, kid: str = "first") -> bool:
    try:
        return kid in await issuers.keys("projects/1", OIDC(publisher.url), kid)
    except Refused:
        return False


async def test_keys_are_discovered_once_and_then_remembered(
    issuers: Issuers, publisher: Publisher
) -> None:
    assert all(await asyncio.gather(*(known(issuers, publisher) for _ in range(20))))
    assert publisher.asked == 1


async def test_keys_given_by_hand_are_asked_of_nobody(
    issuers: Issuers, publisher: Publisher
) -> None:
    assert "mine" in await issuers.keys(
        "projects/1", OIDC(publisher.url, jwks=public("mine")), "mine"
    )
    assert publisher.asked == 0


async def test_rotated_keys_are_fetched_at_once_but_not_at_every_strangers_word(
    issuers: Issuers, publisher: Publisher, clock: SetClock
) -> None:
    assert await known(issuers, publisher)
    publisher.keys = public("second")
    clock.advance(RETRY_SECONDS)
    assert await known(issuers, publisher, "second")
    assert not await known(issuers, publisher, "first")
    asked = publisher.asked
    for _ in range(10):
        assert not await known(issuers, publisher, "stranger")
    assert publisher.asked == asked


async def test_an_issuer_that_is_down_is_believed_for_a_day_and_no_longer(
    issuers: Issuers, publisher: Publisher, clock: SetClock
) -> None:
    assert await known(issuers, publisher)
    publisher.status = 503
    clock.advance(STALE_SECONDS_MAX)
    assert await known(issuers, publisher)
    clock.advance(RETRY_SECONDS + 1)
    assert not await known(issuers, publisher)
    publisher.status = 200
    clock.advance(RETRY_SECONDS)
    assert await known(issuers, publisher)


async def test_a_withdrawn_key_ends_with_the_kept_set(
    issuers: Issuers, publisher: Publisher, clock: SetClock
) -> None:
    assert await known(issuers, publisher)
    publisher.keys = public("second")
    clock.advance(KEEP_SECONDS + 1)
    assert not await known(issuers, publisher)


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
async def test_a_redirect_is_not_followed_and_an_error_is_no_set(
    issuers: Issuers, publisher: Publisher, status: int
) -> None:
    publisher.status = status
    with pytest.raises(Refused, match=r"^The issuer's keys cannot be had at present\.$"):
        await issuers.keys("projects/1", OIDC(publisher.url), "first")


@pytest.mark.parametrize(
    "keys", ["", "[]", "{}", '{"keys":[]}', "<html>", "\x00", "[" * 100_000, " " * 300_000]
)
async def test_garbage_vouches_for_nobody(
    issuers: Issuers, publisher: Publisher, keys: str
) -> None:
    publisher.keys = keys
    assert not await known(issuers, publisher)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://other.example.test"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "http://localhost/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://user:secret@localhost/keys"},
        {"jwks_uri": "https://localhost:99999/keys"},
        {"jwks_uri": "https://[::1/keys"},
        {"jwks_uri": "https://localhost/\r\nHost: x"},
        {"padding": "x" * 70_000},
    ],
)
async def test_a_configuration_that_leads_elsewhere_is_refused(
    issuers: Issuers, publisher: Publisher, changes: dict[str, Any]
) -> None:
    publisher.changes = changes
    assert not await known(issuers, publisher)


async def test_a_slow_issuer_is_given_up_and_holds_up_no_other(
    issuers: Issuers, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "SECONDS_MAX", 0.5)
    publisher.pause = 2.0
    began = time.monotonic()
    slow = asyncio.ensure_future(known(issuers, publisher))
    await asyncio.sleep(0.1)
    assert "mine" in await issuers.keys(
        "projects/1", OIDC("https://x.example.test", jwks=public("mine")), "mine"
    )
    assert time.monotonic() - began < 0.4
    assert not await slow
    assert time.monotonic() - began < 1.9


async def test_an_issuer_under_another_authority_is_not_asked(
    publisher: Publisher, clock: SetClock
) -> None:
    issuers = Issuers(Authority().pem, clock)
    assert not await known(issuers, publisher)
    assert publisher.asked == 0
    issuers.close()


async def test_more_fetches_than_may_wait_are_refused(
    issuers: Issuers, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers_module, "WAITING_MAX", 0)
    assert not await known(issuers, publisher)


async def test_one_owner_holds_few_places_and_others_are_asked(
    issuers: Issuers, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "SECONDS_MAX", 0.5)
    publisher.pause = 2.0
    slow = [
        asyncio.ensure_future(issuers.configuration("projects/1", publisher.url))
        for _ in range(FETCHES_OF_AN_OWNER_MAX)
    ]
    await asyncio.sleep(0.1)
    with pytest.raises(BadKeySet, match="too many"):
        await issuers.configuration("projects/1", publisher.url)
    publisher.pause = 0.0
    assert await issuers.configuration("projects/2", publisher.url)
    await asyncio.gather(*slow, return_exceptions=True)


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.0", "224.0.0.1"])
async def test_what_surrounds_the_machine_is_never_asked(issuers: Issuers, host: str) -> None:
    with pytest.raises(BadKeySet, match="not outside"):
        await issuers.configuration("projects/1", f"https://{host}/idp")


async def test_this_machine_is_asked_only_under_an_authority_of_the_operators(
    publisher: Publisher, clock: SetClock
) -> None:
    issuers = Issuers("", clock)
    with pytest.raises(BadKeySet, match="this machine"):
        await issuers.configuration("projects/1", publisher.url)
    issuers.close()
