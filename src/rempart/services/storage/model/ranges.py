"""Byte ranges of downloads and content ranges of resumable uploads.

Source: RFC 9110 section 14; Cloud Storage documentation, "Resumable uploads".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from rempart.core.errors import CloudError, Code, invalid

_RANGE = re.compile(r"bytes=[ \t]*(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))[ \t]*")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,19})-(\d{1,19}|\*)|\*)/(\d{1,19}|\*)")


class ByteRange(msgspec.Struct, frozen=True, gc=False):
    """The bytes from `start` to before `stop`."""

    start: int
    stop: int


def byte_range(header: str, size: int) -> ByteRange | None:
    """Return the range that a `Range` header asks of a body, or None for the whole body.

    A header of another unit, of several ranges, or of impossible syntax is ignored, as RFC 9110
    allows and Cloud Storage does. Raises the 416 error where no byte can be served.
    """
    match = _RANGE.fullmatch(header)
    if not match:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise unsatisfiable(header, size)
    return ByteRange(start, stop)


def unsatisfiable(header: str, size: int) -> CloudError:
    """Return the 416 error, which tells the size."""
    return CloudError(
        Code.OUT_OF_RANGE,
        f"Requested range not satisfiable: {header[:60]}",
        reason="requestedRangeNotSatisfiable",
        field="Range",
        status=416,
        headers=(("content-range", f"bytes */{size}"),),
    )


@dataclass(frozen=True, slots=True)
class ContentRange:
    """What a chunk says of itself: where it starts, where it stops, and the whole size.

    `start` is None for a status query or an empty last chunk; `stop` and `total` are None where
    the client does not know them yet.
    """

    start: int | None
    stop: int | None
    total: int | None


def content_range(header: str | None, length: int | None) -> ContentRange:
    """Return the content range of a chunk; without the header the body is the whole object."""
    if header is None:
        return ContentRange(0, length, length)
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if not match:
        raise invalid(f"Invalid Content-Range: '{header[:60]}'.", field="Content-Range")
    first, last, total = match.groups()
    size = None if total == "*" else int(total)
    if first is None:
        return ContentRange(None, None, size)
    stop = None if last == "*" else int(last) + 1
    if stop is not None and (stop <= int(first) or (size is not None and stop > size)):
        raise invalid(f"Invalid Content-Range: '{header[:60]}'.", field="Content-Range")
    return ContentRange(int(first), stop, size)
