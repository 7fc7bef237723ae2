r"""Uploads in multipart/related: a JSON document, then the media, streamed.

What clients send (measured): CRLF or bare LF between lines, parts without headers, boundaries in
double, single or no quotes, and a closing delimiter with or without a line end after it.

An upload has exactly two parts, so its media end at the closing delimiter *at the end of the body*:
bytes within the media that look like a delimiter are media, and no byte of them is searched. A body
without its closing delimiter raises; what was streamed until then must not be kept.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache

import msgspec

from rempart.core.call import Body
from rempart.core.errors import CloudError, invalid
from rempart.core.limits import KIB, MULTIPART_HEAD_BYTES_MAX
from rempart.edge.body import HeldBody, over
from rempart.edge.json import read_object

PART_HEAD_BYTES_MAX = 8 * KIB
_BOUNDARY_CHARS_MAX = 200
_REMEMBERED_BYTES_MAX = 256
"""Short heads of parts repeat, and hold nothing but types."""

_BOUNDARY = re.compile(
    r""";[ \t]*boundary[ \t]*=[ \t]*(?:"([^"\\\x00-\x1f]+)"|'([^'\x00-\x1f]+)'|([^\s;,"]+))""",
    re.IGNORECASE,
)
_BLANKS = b" \t\r\n"
_ENDING_BYTES_MAX = 8
"""Line ends and blanks that may follow the closing delimiter."""

_ENCODINGS = frozenset(("", "binary", "8bit", "7bit"))


class Upload(msgspec.Struct, frozen=True, gc=False):
    """A multipart upload: its document, the declared type of its media, and the media."""

    document: dict[str, object]
    content_type: str
    media: Body


async def read_upload(content_type: str, body: Body) -> Upload:
    """Return the upload once its head is read; the media are read by whoever iterates."""
    delimiter = b"--" + boundary(content_type, "multipart/related")
    source = aiter(body)
    pieces: list[bytes] = []
    size = wanted = 0
    async for piece in source:
        pieces.append(piece)
        size += len(piece)
        # Looking again only once the size has doubled keeps one-byte pieces linear.
        if size >= wanted:
            held = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            head = _head(held, delimiter)
            if head is not None:
                return _upload(held, head, delimiter, source, whole=size == body.length)
            if size > MULTIPART_HEAD_BYTES_MAX:
                raise over(MULTIPART_HEAD_BYTES_MAX)
            pieces, wanted = [held], 2 * size
    held = b"".join(pieces)
    head = _head(held, delimiter)
    if head is None:
        raise malformed("it does not hold two parts")
    return _upload(held, head, delimiter, source, whole=True)


def boundary(content_type: str, media_type: str) -> bytes:
    """Return the boundary that a Content-Type declares."""
    if content_type.partition(";")[0].strip().lower() != media_type:
        raise invalid(f"The Content-Type must be {media_type}.", field="Content-Type")
    found = _BOUNDARY.search(content_type)
    value = (found[1] or found[2] or found[3]) if found else ""
    if not value or len(value) > _BOUNDARY_CHARS_MAX or not value.isascii():
        raise invalid("The Content-Type has no usable boundary.", field="Content-Type")
    return value.encode()


def malformed(problem: str) -> CloudError:
    """Return the error for a body that is not the multipart that it says."""
    return invalid(f"Malformed multipart body: {problem}.", reason="badContent")


class _Head(msgspec.Struct, frozen=True, gc=False):
    """Where the document and the media are, and what the media's part says of them."""

    document: tuple[int, int]
    media: int
    content_type: str
    crlf: bool


def _upload(
    held: bytes, head: _Head, delimiter: bytes, rest: AsyncIterator[bytes], *, whole: bool
) -> Upload:
    start, stop = head.document
    document = read_object(held[start:stop].strip(_BLANKS))
    begun = held[head.media :]
    if whole:
        media = _before_closing(begun, delimiter, crlf=head.crlf, at_start=True)
        return Upload(document, head.content_type, HeldBody(media))
    return Upload(document, head.content_type, _Media(begun, rest, delimiter, crlf=head.crlf))


def _head(held: bytes, delimiter: bytes) -> _Head | None:
    """Return the head of an upload, or None where more of it must be read."""
    start = 0
    while held[start : start + 1] in (b"\r", b"\n") and start < _ENDING_BYTES_MAX:
        start += 1
    found = held[start : start + len(delimiter)]
    if found != delimiter:
        if delimiter.startswith(found):
            return None
        raise malformed("it does not begin with its boundary")
    first = _part(held, start + len(delimiter))
    if first is None:
        return None
    _check_document(first.headers)
    stop = held.find(b"\n" + delimiter, first.start - 1)
    if stop < 0:
        return None
    second = _part(held, stop + 1 + len(delimiter))
    if second is None:
        return None
    if second.headers.get("content-transfer-encoding", "").lower() not in _ENCODINGS:
        raise malformed("the media's Content-Transfer-Encoding is not binary")
    media_type = second.headers.get("content-type", "")
    return _Head((first.start, stop), second.start, media_type, second.crlf)


def _check_document(headers: Mapping[str, str]) -> None:
    given = headers.get("content-type", "application/json").lower()
    if given.partition(";")[0].strip() != "application/json":
        raise malformed("the first part is not application/json")


class Part(msgspec.Struct, frozen=True, gc=False):
    """The head of a part: its headers, where its content starts, and how its lines end."""

    headers: Mapping[str, str]
    start: int
    crlf: bool


def _part(held: bytes, after: int) -> Part | None:
    """Return the part whose delimiter ends at `after`, or None where more must be read."""
    line_end = held.find(b"\n", after, after + _BOUNDARY_CHARS_MAX)
    if line_end < 0:
        if held[after : after + 2] == b"--":
            raise malformed("it does not hold two parts")
        if len(held) > after + _BOUNDARY_CHARS_MAX:
            raise malformed("a delimiter is not alone on its line")
        return None
    if held[after:line_end].strip(_BLANKS):
        if held[after : after + 2] == b"--":
            raise malformed("it does not hold two parts")
        raise malformed("a delimiter is not alone on its line")
    return part_head(held, line_end)


def part_head(held: bytes, line_end: int) -> Part | None:
    """Return the head of the part that begins after the newline at `line_end`, or None."""
    start = line_end + 1
    crlf = held[line_end - 1 : line_end] == b"\r"
    limit = start + PART_HEAD_BYTES_MAX
    end, width = _blank_line(held, line_end, limit, crlf=crlf)
    if end < 0:
        if len(held) > limit:
            raise malformed(f"the head of a part is longer than {PART_HEAD_BYTES_MAX} bytes")
        return None
    block = held[start:end]
    short = len(block) <= _REMEMBERED_BYTES_MAX
    return Part((_remembered if short else read_part_headers)(block), end + width, crlf)


def _blank_line(held: bytes, start: int, stop: int, *, crlf: bool) -> tuple[int, int]:
    """Return where the first blank line begins and its length; what is likelier is sought first."""
    likely, other = (b"\n\r\n", b"\n\n") if crlf else (b"\n\n", b"\n\r\n")
    end = held.find(likely, start, stop)
    earlier = held.find(other, start, stop if end < 0 else end)
    return (end, len(likely)) if earlier < 0 else (earlier, len(other))


@lru_cache(maxsize=256)
def _remembered(block: bytes) -> Mapping[str, str]:
    return read_part_headers(block)


def read_part_headers(block: bytes) -> Mapping[str, str]:
    """Return the headers of a part, or of a request within a batch, by lower-case name."""
    headers: dict[str, str] = {}
    for line in block.decode("latin-1").split("\n"):
        text = line.rstrip("\r")
        if not text:
            continue
        name, colon, value = text.partition(":")
        if not colon or not name or name != name.strip() or not _NAME.fullmatch(name):
            raise malformed("a header of a part is malformed")
        name, value = name.lower(), value.strip(" \t")
        if not value.isprintable():
            raise malformed("a header of a part is malformed")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class _Media:
    """The media of an upload: everything before the closing delimiter at the end of the body."""

    __slots__ = ("_begun", "_crlf", "_delimiter", "_rest")

    length = None
    """Only the end of the body tells how it is framed."""

    def __init__(
        self, begun: bytes, rest: AsyncIterator[bytes], delimiter: bytes, *, crlf: bool
    ) -> None:
        self._begun = begun
        self._rest = rest
        self._delimiter = delimiter
        self._crlf = crlf

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def read(self, limit: int) -> bytes:
        """Return the media; raise `too_large` past `limit` bytes."""
        pieces, size = [], 0
        async for piece in self:
            size += len(piece)
            if size > limit:
                raise over(limit)
            pieces.append(piece)
        return b"".join(pieces)

    async def _pieces(self) -> AsyncIterator[bytes]:
        """Give out pieces as they came, once as much follows as the closing delimiter may take."""
        closing = len(self._delimiter) + 4 + _ENDING_BYTES_MAX
        first, held, size, at_start = self._begun, deque[bytes](), 0, True
        self._begun = b""
        async for piece in self._rest:
            held.append(piece)
            size += len(piece)
            while size >= closing:
                if first:
                    yield first
                    at_start = False
                first = held.popleft()
                size -= len(first)
        data = b"".join((first, *held))
        last = _before_closing(data, self._delimiter, crlf=self._crlf, at_start=at_start)
        if last:
            yield last


def _before_closing(data: bytes, delimiter: bytes, *, crlf: bool, at_start: bool) -> bytes:
    """Return what precedes the closing delimiter, and the line end that belongs to it."""
    end = data.rfind(delimiter + b"--")
    after = data[end + len(delimiter) + 2 :]
    if end < 0 or len(after) > _ENDING_BYTES_MAX or after.strip(_BLANKS):
        raise malformed("the closing delimiter is missing")
    if crlf and end > 1 and data[end - 2 : end] == b"\r\n":
        return data[: end - 2]
    if end and data[end - 1 : end] == b"\n":
        return data[: end - 1]
    if end == 0 and at_start:
        return b""  # The blank line after the part's headers is the delimiter's own.
    raise malformed("the closing delimiter is missing")
