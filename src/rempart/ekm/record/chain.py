"""The log's lines, each of which hashes the one before. Specified in docs/spec/ekm-log.md."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

DOMAIN = b"rempart.ekm.log.v1\x00"
LINE_BYTES_MAX = 128 * 1024

_LINE = re.compile(rb"(0|[1-9][0-9]{0,18}) ([0-9a-f]{64}) (\{[^\n]*\})\n")


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: how many entries it has, and the hash of the last."""

    count: int = 0
    hash: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it stands in a file."""

    index: int
    hash: bytes
    content: bytes


def extend(head: Head, content: bytes) -> tuple[Head, bytes]:
    """Return the chain with one more entry, and its line; `content` is JSON without a newline."""
    digest = _hash(head.hash, head.count, content)
    line = b"%d %s %s\n" % (head.count, digest.hex().encode(), content)
    return Head(head.count + 1, digest), line


def parse(raw: bytes) -> Line | None:
    """Return a whole line's parts, or None where it is not one."""
    found = _LINE.fullmatch(raw)
    if found is None or len(raw) > LINE_BYTES_MAX:
        return None
    return Line(int(found[1]), bytes.fromhex(found[2].decode()), found[3])


def follows(head: Head, line: Line) -> bool:
    """Tell whether a line is the next one of a chain."""
    return line.index == head.count and line.hash == _hash(head.hash, line.index, line.content)


def _hash(previous: bytes, index: int, content: bytes) -> bytes:
    return hashlib.sha256(DOMAIN + previous + index.to_bytes(8, "big") + content).digest()
