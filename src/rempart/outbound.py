"""Asks for a small text outside: over TLS, no redirects, bounded in bytes and time."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from typing_extensions import override

SECONDS_MAX = 5.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
HTTPS_PORT = 443
_OK = 200


class Unfetched(Exception):  # noqa: N818 - it is named for what it is
    """The text at an address cannot be had; the message says why, and what to see to.

    It is for who runs this machine: told to strangers, it would let them look around from here.
    """


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
    this machine trusts, and then this machine itself is not asked.
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
        with connection.getresponse() as answer:
            content = answer.read(bytes_max + 1)
        if late.is_set():
            raise TimeoutError
        if len(content) > bytes_max:
            raise Unfetched(f"{url} answered {answer.status} with more than {bytes_max} bytes")
        return Answer(answer.status, content.decode())
    except (OSError, http.client.HTTPException, ValueError) as problem:
        cause = TimeoutError() if late.is_set() else problem
        raise _unfetched(url, cause, pinned=bool(authority)) from problem
    finally:
        ending.cancel()
        connection.close()


def certificate(url: str, authority: str | None) -> str:
    """Return the certificate (PEM) that a server shows, in a thread of the caller's.

    It holds under `authority`, which is as in `ask`; with None it is whatever is shown there, for
    somebody to compare. Raises `Unfetched`.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or HTTPS_PORT
    context = ssl.create_default_context(cadata=authority or None)
    if authority is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        place = _place(host, port, own=authority != "")
        with (
            socket.create_connection(place, timeout=SECONDS_MAX) as plain,
            context.wrap_socket(plain, server_hostname=host) as shown,
        ):
            return ssl.DER_cert_to_PEM_cert(shown.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError) as problem:
        raise _unfetched(url, problem, pinned=bool(authority)) from problem


def _unfetched(url: str, cause: Exception, *, pinned: bool) -> Unfetched:
    match cause:
        case ssl.SSLCertVerificationError():
            wanted = "the pinned one" if pinned else "one of an authority that this machine trusts"
            why = (
                f"its certificate is not {wanted}, or does not hold: {cause.verify_message}."
                " Ask who runs it which certificate is theirs"
            )
        case ssl.SSLError():
            why = "it does not agree on TLS. See whether the port is right"
        case socket.gaierror():
            why = "its name has no address. See to the name, and to this machine's resolver"
        case ConnectionRefusedError():
            why = "the connection is refused. See whether it runs, and on this port"
        case TimeoutError():
            why = "it does not answer in time. See to the network, and to firewalls between"
        case OSError():
            why = cause.strerror or "the connection broke"
        case _:
            why = "what it answers cannot be read"
    return Unfetched(f"{url} cannot be fetched: {why}")


class _Connection(http.client.HTTPSConnection):
    """A connection to an address that was looked at first: no name changes its mind."""

    def __init__(self, host: str, port: int | None, context: ssl.SSLContext, *, own: bool) -> None:
        super().__init__(host, port, timeout=SECONDS_MAX, context=context)
        self._tls = context
        self._own = own

    @override
    def connect(self) -> None:
        place = _place(self.host, self.port, own=self._own)
        plain = socket.create_connection(place, timeout=SECONDS_MAX)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _place(host: str, port: int, *, own: bool) -> tuple[str, int]:
    """Return where to connect to, or refuse what is not outside.

    Link-local addresses lead to what surrounds this machine (the metadata of clouds); loopback
    leads to this machine, and is admitted under an authority of the operator's own.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        address = ip_address(str(place[0]).partition("%")[0])
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise Unfetched(f"{host} is not outside")
        if address.is_loopback and not own:
            raise Unfetched(f"{host} is this machine")
    return str(found[0][-1][0]), int(found[0][-1][1])


def _connection(url: str, authority: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=SECONDS_MAX)
    context = ssl.create_default_context(cadata=authority or None)
    return _Connection(host, parts.port, context, own=bool(authority))


def _cut(sockets: list[socket.socket]) -> None:
    for each in filter(None, sockets):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
