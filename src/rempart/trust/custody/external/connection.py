"""One HTTP/1.1 connection to a manager: asks, reads one bounded answer, and may ask again.

No redirects, cookies, proxies or content codings: what is not a plain answer is a fault. llhttp
parses. Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from dataclasses import dataclass, field

import httptools

from rempart.core.limits import KIB

ANSWER_BYTES_MAX = 256 * KIB
HEAD_BYTES_MAX = 32 * KIB
_PIECE_BYTES = 64 * KIB


class NotHTTP(Exception):  # noqa: N818 - it is named for what it is
    """What came back is no bounded HTTP answer; the message says why."""


class Closed(Exception):  # noqa: N818 - it is named for what it is
    """The peer ended the connection without a byte of an answer."""


class WrongCertificate(Exception):  # noqa: N818 - it is named for what it is
    """The peer's certificate is none of those that were pinned."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body."""

    status: int
    content: bytes = field(repr=False)


class Connection:
    """An open connection; after `exchange` returned it may be used again while `reusable`."""

    __slots__ = ("_reader", "_writer", "reusable")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.reusable = True

    @classmethod
    async def open(
        cls, address: tuple[str, int], *, tls: ssl.SSLContext, name: str, pins: tuple[bytes, ...]
    ) -> Connection:
        """Connect, and shake hands; nothing is sent to a peer that is not the right one."""
        reader, writer = await asyncio.open_connection(*address, ssl=tls, server_hostname=name)
        peer = writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
        if pins and not any(hmac.compare_digest(peer, pin) for pin in pins):
            writer.transport.abort()
            raise WrongCertificate
        return cls(reader, writer)

    @property
    def alive(self) -> bool:
        """Tell whether the peer has, so far as is known, not ended the connection."""
        return self.reusable and not self._reader.at_eof() and not self._writer.is_closing()

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and return the answer; raises `Closed` where nothing came back."""
        self.reusable = False
        reading, received = _Reading(), 0
        parser = reading.parser
        try:
            self._writer.write(request)
            await self._writer.drain()
            while not reading.complete:
                piece = await self._reader.read(_PIECE_BYTES)
                if not piece:
                    break
                received += len(piece)
                parser.feed_data(piece)
                _check_size(received, reading)
        except ConnectionError as problem:
            raise (NotHTTP("the answer broke off") if received else Closed()) from problem
        except httptools.HttpParserError as problem:
            raise NotHTTP("what came back is not HTTP") from problem
        if not received:
            raise Closed
        if not reading.complete:
            raise NotHTTP("the answer broke off")
        if reading.more:
            raise NotHTTP("more than one answer came back")
        self.reusable = reading.keep_alive
        return Answer(parser.get_status_code(), bytes(reading.body))

    def close(self) -> None:
        """End the connection without waiting for the peer."""
        self._writer.transport.abort()


class _Reading:
    """Collects an answer from the parser's calls."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = bytearray()
        self.begun = False
        self.complete = False
        self.keep_alive = False
        self.more = False

    def on_message_begin(self) -> None:
        self.more = self.complete

    def on_headers_complete(self) -> None:
        self.begun = True

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep_alive = self.parser.should_keep_alive()


def _check_size(received: int, reading: _Reading) -> None:
    if received > (ANSWER_BYTES_MAX if reading.begun else HEAD_BYTES_MAX):
        raise NotHTTP("the answer is too large")
