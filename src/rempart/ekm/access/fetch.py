"""Fetches an issuer's JWK set: over TLS, without redirects, bounded in bytes and time."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from urllib.parse import urlsplit

from rempart.ekm.access.jwks import SET_BYTES_MAX, BadKeySet

SECONDS_MAX = 5.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_OK = 200


def check_url(url: str) -> None:
    """Refuse an address that is not https; plain http may lead to this machine only."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not (plain or parts.scheme == "https") or not parts.hostname or parts.username:
        raise BadKeySet(f"{url} is not an https address")


def fetch(url: str, authority: str) -> str:
    """Return the text at an address, in a thread of the caller's; raises `BadKeySet`."""
    parts, connection = urlsplit(url), _connection(url, authority)
    held: list[socket.socket] = []
    late = threading.Event()

    def end() -> None:
        late.set()
        _cut(held or [connection.sock])

    # The socket's own time-out begins anew with every byte that comes.
    ending = threading.Timer(SECONDS_MAX, end)
    ending.daemon = True
    ending.start()
    try:
        connection.connect()
        held.append(connection.sock)  # the connection lets go of it when an answer has no length
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        content = answer.read(SET_BYTES_MAX + 1)
        if late.is_set():
            raise BadKeySet(f"{url} does not answer in time")
        if answer.status != _OK or len(content) > SET_BYTES_MAX:
            raise BadKeySet(f"{url} answered {answer.status} with {len(content)} bytes")
        return content.decode()
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise BadKeySet(f"{url} cannot be fetched") from problem
    finally:
        ending.cancel()
        connection.close()


def _connection(url: str, authority: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=SECONDS_MAX)
    context = ssl.create_default_context(cadata=authority or None)
    return http.client.HTTPSConnection(host, parts.port, timeout=SECONDS_MAX, context=context)


def _cut(sockets: list[socket.socket]) -> None:
    for each in filter(None, sockets):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
