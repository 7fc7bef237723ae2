"""Asks for a small text outside: over TLS, no redirects, bounded in bytes and time."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SECONDS_MAX = 5.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_OK = 200


class Unfetched(Exception):  # noqa: N818 - it is named for what it is
    """The text at an address cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the outside; what may be secret in it is not shown."""

    url: str
    verb: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: its status and its text."""

    status: int
    text: str = field(repr=False)


def check_url(url: str, *, loopback: bool) -> None:
    """Refuse an address that is not https; `loopback` admits plain http to this machine."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as problem:
        raise Unfetched(f"{url} is not an https address") from problem
    plain = loopback and parts.scheme == "http" and host in _LOOPBACK
    if not (plain or parts.scheme == "https") or not host or "@" in parts.netloc:
        raise Unfetched(f"{url} is not an https address")


def fetch(url: str, authority: str, *, bytes_max: int) -> str:
    """Return the text at an address, in a thread of the caller's; raises `Unfetched`.

    `authority` is as in `ask`.
    """
    answer = ask(Question(url), authority, bytes_max=bytes_max)
    if answer.status != _OK:
        raise Unfetched(f"{url} answered {answer.status}")
    return answer.text


def ask(question: Question, authority: str, *, bytes_max: int) -> Answer:
    """Return an answer from outside, in a thread of the caller's; raises `Unfetched`.

    `authority` is a PEM that the server's certificate is checked against; empty for those that
    this machine trusts.
    """
    url = question.url
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
        path = parts.path or "/"
        path += f"?{parts.query}" if parts.query else ""
        connection.request(
            question.verb, path, body=question.body or None, headers=dict(question.headers)
        )
        answer = connection.getresponse()
        content = answer.read(bytes_max + 1)
        if late.is_set():
            raise Unfetched(f"{url} does not answer in time")
        if len(content) > bytes_max:
            raise Unfetched(f"{url} answered {answer.status} with more than {bytes_max} bytes")
        return Answer(answer.status, content.decode())
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise Unfetched(f"{url} cannot be fetched") from problem
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
