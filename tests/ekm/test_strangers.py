"""Strangers: they fill neither the log nor the connections, and those who are known go on."""

from __future__ import annotations

import json
import socket
import ssl
import time

import httpx

from rempart.core.clock import Micros
from rempart.ekm.door.strangers import (
    RECORDED_PER_ADDRESS_AND_MINUTE_MAX,
    RECORDED_PER_MINUTE_MAX,
    Strangers,
)
from rempart.standalone.http import CONNECTIONS_PER_ADDRESS_MAX
from support.key_holder import KEY, KeyHolder, use

MINUTE = 60_000_000


class Noted:
    """What is appended, and a clock that stands still."""

    def __init__(self) -> None:
        self.entries: list[dict[str, object]] = []
        self.now = Micros(0)

    async def append(self, content: bytes) -> int:
        self.entries.append(json.loads(content))
        return len(self.entries)

    def strangers(self) -> Strangers:
        return Strangers(self.append, lambda: self.now)


async def test_beyond_the_limit_of_an_address_requests_are_counted() -> None:
    noted = Noted()
    strangers = noted.strangers()
    admitted = [
        strangers.admit("192.0.2.1") for _ in range(RECORDED_PER_ADDRESS_AND_MINUTE_MAX + 5)
    ]
    assert admitted == [True] * RECORDED_PER_ADDRESS_AND_MINUTE_MAX + [False] * 5
    assert strangers.admit("192.0.2.2")
    noted.now = Micros(MINUTE)
    assert strangers.admit("192.0.2.1")
    await strangers.close()
    [entry] = noted.entries
    assert (entry["verb"], entry["detail"]) == ("strangers", {"requests": "5"})
    await strangers.close()
    assert len(noted.entries) == 1


async def test_many_addresses_together_have_a_limit_and_a_network_of_ipv6_is_one() -> None:
    strangers = Noted().strangers()
    one_network = [
        strangers.admit(f"2001:db8::{host:x}")
        for host in range(RECORDED_PER_ADDRESS_AND_MINUTE_MAX + 1)
    ]
    assert not one_network[-1]
    left = RECORDED_PER_MINUTE_MAX - RECORDED_PER_ADDRESS_AND_MINUTE_MAX
    others = [strangers.admit(f"192.0.{i // 250}.{i % 250}") for i in range(left + 1)]
    assert others == [True] * left + [False]
    await strangers.close()


def test_a_flood_from_one_address_is_cut_short_and_the_known_are_served(holder: KeyHolder) -> None:
    before = len(holder.entries())
    transport = httpx.HTTPTransport(verify=holder.pinned(), local_address="127.0.0.3")
    with httpx.Client(transport=transport, trust_env=False) as flood:
        url = f"https://localhost:{holder.port}/{KEY}:wrap"
        told = [
            flood.post(url, json={}).status_code
            for _ in range(RECORDED_PER_ADDRESS_AND_MINUTE_MAX + 60)
        ]
    recorded = told.count(401)
    assert set(told) == {401, 429}
    assert recorded < len(told)
    assert len(holder.entries()) == before + recorded
    assert holder.ask("wrap", use(plaintext="")).status_code == 200


def test_one_address_cannot_take_all_connections(holder: KeyHolder) -> None:
    peers = [_connect(holder, "127.0.0.4") for _ in range(CONNECTIONS_PER_ADDRESS_MAX)]
    try:
        assert _health(_connect(holder, "127.0.0.4")) == b""
        assert b" 200 " in _health(_connect(holder, "127.0.0.5"))
        peers.pop().close()
        time.sleep(0.3)
        assert b" 200 " in _health(_connect(holder, "127.0.0.4"))
    finally:
        for peer in peers:
            peer.close()


def _connect(holder: KeyHolder, source: str) -> ssl.SSLSocket:
    plain = socket.create_connection(
        ("127.0.0.1", holder.port), timeout=20, source_address=(source, 0)
    )
    return holder.pinned().wrap_socket(plain, server_hostname="localhost")


def _health(peer: ssl.SSLSocket) -> bytes:
    try:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return peer.recv(4096)
    except (OSError, ssl.SSLError):
        return b""
    finally:
        peer.close()
