"""The strict check that every received byte passes before the HTTP parser sees it.

Pure and incremental: it only refuses, and never changes a byte. Nothing of a request head is
released before the whole head was checked, so the parser behind it never acts on half a head.
Sources: RFC 9110 and RFC 9112. Where those leave a choice between accepting and refusing what
two parsers could read differently, this refuses: no obs-fold, no bare CR or LF, no chunk
extensions, no trailer fields in requests, no Content-Length beside Transfer-Encoding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rempart.core.limits import KIB, MIB, TIB


@dataclass(frozen=True, slots=True)
class HTTPLimits:
    """What one connection may ask for; times in seconds, sizes in bytes."""

    head_seconds: float = 20.0
    """From a head's first byte to its last (answer: 408)."""
    idle_seconds: float = 75.0
    """Between two requests of one connection."""
    body_idle_seconds: float = 60.0
    """Between received bytes of a body, while the application reads (answer: 408)."""
    response_idle_seconds: float = 60.0
    """Without the client taking one byte of a response that waits for it."""
    linger_seconds: float = 1.0
    """Given to the client of a refused request to read the refusal before the reset."""
    head_bytes_max: int = 64 * KIB
    request_line_bytes_max: int = 16 * KIB
    headers_max: int = 200
    body_bytes_max: int = 6 * TIB
    """Above the largest object, so that the service, which knows better, refuses first."""
    unread_body_bytes_max: int = 16 * MIB
    """Received and thrown away after the response ended, before the connection is cut."""
    pipelined_max: int = 256
    connections_max: int = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the connection ends: an HTTP status and a sentence for the client."""

    status: int
    reason: str


_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_HEAD: Final = re.compile(
    rb"(" + _TOKEN + rb") ([\x21\x22\x24-\x7e]++) HTTP/1\.([01])\r\n"
    rb"(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\r\n)*+\r\n"
)
# The fields that decide about framing, in a head in small letters.
_DECIDING: Final = re.compile(
    rb"\n(host|content-length|transfer-encoding|expect|upgrade):[ \t]*([^\r]*)"
)
# What no continuation could make legal; a CR at the very end may still be followed by its LF.
_NEVER_IN_A_HEAD: Final = re.compile(
    rb"(?<!\r)\n|\r(?![\n])(?!\Z)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_HOST: Final = re.compile(rb"(?:[a-z0-9._~\-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?[ \t]*")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]+)(?:[/?].*)?", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"[0-9]{1,19}")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_CHUNK_SIZE_BEGUN: Final = re.compile(rb"[0-9A-Fa-f]{0,16}|[0-9A-Fa-f]{1,16}\r")
# What the next byte belongs to; plain numbers, because looking up an Enum's member costs more.
_IN_HEAD: Final = 0
_IN_LENGTH: Final = 1
_IN_SIZE: Final = 2
_IN_CHUNK: Final = 3
_IN_CHUNK_END: Final = 4
_IN_LAST: Final = 5

_METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})

_MALFORMED = Refusal(400, "The request head is malformed.")
_BAD_HOST = Refusal(400, "The request needs exactly one valid Host header.")
_TWICE = Refusal(400, "A header that decides about framing may appear once only.")
_BAD_TARGET = Refusal(400, "The request target is not acceptable.")
_BAD_LENGTH = Refusal(400, "Content-Length must be one plain number.")
_BAD_CODING = Refusal(400, "Transfer-Encoding may only be exactly 'chunked', without length.")
_BAD_CHUNK = Refusal(400, "The chunked body is malformed.")
_TRAILERS = Refusal(400, "Trailer fields are not accepted.")
_BODY_TOO_LARGE = Refusal(413, "The request body is too large.")
_LINE_TOO_LONG = Refusal(414, "The request line is too long.")
_EXPECTATION = Refusal(417, "The only expectation met is 100-continue.")
_HEAD_TOO_LARGE = Refusal(431, "The request head is too large.")
_NO_METHOD = Refusal(501, "The request method is not implemented.")
_NO_UPGRADE = Refusal(501, "This server does not switch protocols.")


class _Refused(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


class FrontCheck:
    """Watches one connection's received bytes; `begun` and `ended` count the messages.

    A refusal is final: the caller closes the connection and feeds nothing more.
    """

    __slots__ = ("_body", "_held", "_left", "_limits", "_place", "_scanned", "begun", "ended")

    def __init__(self, limits: HTTPLimits) -> None:
        self._limits = limits
        self._place = _IN_HEAD
        self._held = b""  # the unfinished element: part of a head, a chunk size or a line end
        self._scanned = 0  # how much of a held head is known to hold no forbidden byte
        self._left = 0  # bytes of the body, or of the chunk, still to come
        self._body = 0  # bytes of the chunked body so far
        self.begun = 0
        self.ended = 0

    @property
    def is_in_head(self) -> bool:
        """Tell whether a head has begun and not ended."""
        return self._place == _IN_HEAD and self._held != b""

    @property
    def is_in_body(self) -> bool:
        """Tell whether bytes of a body are still to come."""
        return self._place != _IN_HEAD

    def feed(self, data: bytes) -> bytes | Refusal:
        """Return the bytes now fit for the parser, in order and unchanged, or the refusal."""
        if self._place == _IN_LENGTH and len(data) < self._left:
            self._left -= len(data)
            return data
        try:
            return self._walk(data)
        except _Refused as refused:
            return refused.refusal

    def _walk(self, data: bytes) -> bytes:
        if self._held:
            data = self._held + data
            self._held = b""
        at, end = 0, len(data)
        while at < end:
            begin = at
            at = self._head(data, at) if self._place == _IN_HEAD else self._body_step(data, at)
            if at == begin:
                self._held = data[at:]
                return data[:at]
        return data

    def _body_step(self, data: bytes, at: int) -> int:
        """Return the position after the next element, or `at` where more bytes are needed."""
        if self._place in (_IN_LENGTH, _IN_CHUNK):
            return self._skip(data, at)
        if self._place == _IN_SIZE:
            return self._size(data, at)
        return self._line_end(data, at)

    def _head(self, data: bytes, at: int) -> int:
        limits = self._limits
        found = data.find(b"\r\n\r\n", max(at, at + self._scanned - 3))
        end = found + 4 if found >= 0 else len(data)
        size = end - at
        if size > limits.request_line_bytes_max or size > limits.head_bytes_max:
            self._check_sizes(data, at, size)
        if found < 0:
            self._check_begun_head(data, at)
            return at
        self._scanned = 0
        if data.count(b"\n", at, end) - 2 > limits.headers_max:
            raise _Refused(_HEAD_TOO_LARGE)
        head = _HEAD.fullmatch(data, at, end)
        if head is None:
            raise _Refused(_MALFORMED)
        self.begun += 1
        self._frame(head)
        return end

    def _check_sizes(self, data: bytes, at: int, size: int) -> None:
        line_bytes = self._limits.request_line_bytes_max + 2
        if size >= line_bytes and data.find(b"\r\n", at, at + line_bytes) < 0:
            raise _Refused(_LINE_TOO_LONG)
        if size > self._limits.head_bytes_max:
            raise _Refused(_HEAD_TOO_LARGE)

    def _check_begun_head(self, data: bytes, at: int) -> None:
        # One byte back: a CR that ended the last piece is judged by what now follows it.
        if _NEVER_IN_A_HEAD.search(data, at + max(0, self._scanned - 1)):
            raise _Refused(_MALFORMED)
        self._scanned = len(data) - at

    def _frame(self, head: re.Match[bytes]) -> None:
        """Judge a well-formed head by its meaning, and set how its body ends."""
        method, target, minor = head.groups()
        if method not in _METHODS:
            raise _Refused(_NO_METHOD)
        found = _DECIDING.findall(head[0].lower())
        deciding = dict(found)
        host = deciding.get(b"host")
        if host is None:
            if minor == b"1":
                raise _Refused(_BAD_HOST)
        elif not _HOST.fullmatch(host):
            raise _Refused(_BAD_HOST)
        if not target.startswith(b"/"):
            _check_target(method, target, host)
        if len(found) == 1 and host is not None:
            self.ended += 1  # the common case: nothing but Host, so no body
            return
        if len(deciding) != len(found):
            raise _Refused(_TWICE)
        self._frame_body(deciding, has_chunks=minor == b"1")

    def _frame_body(self, deciding: dict[bytes, bytes], *, has_chunks: bool) -> None:
        if b"upgrade" in deciding:
            raise _Refused(_NO_UPGRADE)
        if deciding.get(b"expect", b"100-continue").rstrip(b" \t") != b"100-continue":
            raise _Refused(_EXPECTATION)
        length = deciding.get(b"content-length")
        coding = deciding.get(b"transfer-encoding")
        if coding is not None:
            if coding.rstrip(b" \t") != b"chunked" or length is not None or not has_chunks:
                raise _Refused(_BAD_CODING)
            self._body = 0
            self._place = _IN_SIZE
            return
        self._left = 0 if length is None else self._length(length.rstrip(b" \t"))
        if self._left:
            self._place = _IN_LENGTH
        else:
            self.ended += 1

    def _length(self, value: bytes) -> int:
        if not _DIGITS.fullmatch(value):
            raise _Refused(_BAD_LENGTH)
        length = int(value)
        if length > self._limits.body_bytes_max:
            raise _Refused(_BODY_TOO_LARGE)
        return length

    def _skip(self, data: bytes, at: int) -> int:
        there = len(data) - at
        if there < self._left:
            self._left -= there
            return len(data)
        at += self._left
        self._left = 0
        if self._place == _IN_LENGTH:
            self._end_message()
        else:
            self._place = _IN_CHUNK_END
        return at

    def _size(self, data: bytes, at: int) -> int:
        line = _CHUNK_SIZE.match(data, at)
        if line is None:
            if not _CHUNK_SIZE_BEGUN.fullmatch(data, at):
                raise _Refused(_BAD_CHUNK)
            return at
        self._left = int(line[1], 16)
        self._body += self._left
        if self._body > self._limits.body_bytes_max:
            raise _Refused(_BODY_TOO_LARGE)
        self._place = _IN_CHUNK if self._left else _IN_LAST
        return line.end()

    def _line_end(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            if self._place == _IN_LAST:
                self._end_message()
            else:
                self._place = _IN_SIZE
            return at + 2
        if data[at:] != b"\r":
            raise _Refused(_TRAILERS if self._place == _IN_LAST else _BAD_CHUNK)
        return at

    def _end_message(self) -> None:
        self.ended += 1
        self._place = _IN_HEAD


def _check_target(method: bytes, target: bytes, host: bytes | None) -> None:
    """Accept `OPTIONS *`, and the absolute form that names the same host as Host does."""
    if target == b"*" and method == b"OPTIONS":
        return
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or host is None or absolute[1].lower() != host.rstrip(b" \t"):
        raise _Refused(_BAD_TARGET)
