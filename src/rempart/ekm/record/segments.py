"""The log's files: walked and verified, and put right after a crash.

A torn tail is what a crash leaves of entries that were never answered. It is moved aside when the
manager starts. Anything else that does not chain is damage or forgery, and refuses the start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rempart import durable
from rempart.ekm.record.chain import LINE_BYTES_MAX, Head, Line, follows, parse

SUFFIX = ".log"


class LogBroken(Exception):  # noqa: N818 - it is named for what it is
    """The chain does not hold; the message says where."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a log: its last file, its chain's head, and the bytes after the last entry."""

    path: Path | None
    head: Head
    size: int = 0
    torn: int = 0


def segments(directory: Path) -> list[Path]:
    """Return the files in the order of their entries."""
    return sorted(directory.glob(f"*{SUFFIX}"))


def segment_name(first: int) -> str:
    """Return the name of the file that begins with this entry."""
    return f"{first:019d}{SUFFIX}"


def walk(directory: Path) -> Iterator[Line]:
    """Yield every entry of the log, verified; a torn tail ends it. Raises `LogBroken`."""
    head = Head()
    files = segments(directory)
    for path in files:
        if path.name != segment_name(head.count):
            raise LogBroken(f"{path.name} does not begin with entry {head.count}.")
        for line in _chained(path, head, last=path == files[-1]):
            head = Head(line.index + 1, line.hash)
            yield line


def tail(directory: Path) -> Tail:
    """Return where the log ends. The last file is verified, and that it follows the one before."""
    files = segments(directory)
    if not files:
        return Tail(None, Head())
    path = files[-1]
    head = _last_head(files[-2]) if len(files) > 1 else Head()
    if path.name != segment_name(head.count):
        raise LogBroken(f"{path.name} does not begin with entry {head.count}.")
    size = 0
    for line in _chained(path, head, last=True):
        head = Head(line.index + 1, line.hash)
        size += _line_bytes(line)
    return Tail(path, head, size, path.stat().st_size - size)


def settle(directory: Path) -> None:
    """Make what a killed process left durable, before anybody counts it.

    What the kernel keeps in memory is let go of, so that what is read next is what the disk has: a
    page whose writing failed counts as clean.
    """
    for path in segments(directory)[-2:]:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    durable.sync_directory(directory)


def cut(end: Tail) -> None:
    """Cut a torn tail off, durably; what is cut is kept beside the log, for whoever wonders."""
    if end.path is None or not end.torn:
        return
    with end.path.open("rb") as file:
        file.seek(end.size)
        durable.replace(end.path.with_suffix(f".torn-{end.size}"), file.read())
    descriptor = os.open(end.path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, end.size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    durable.sync_directory(end.path.parent)


def _chained(path: Path, head: Head, *, last: bool) -> Iterator[Line]:
    with path.open("rb") as file:
        while raw := file.readline(LINE_BYTES_MAX + 1):
            line = parse(raw)
            if line is None or not follows(head, line):
                if last and not _anything_follows(line, file.read()):
                    return
                raise LogBroken(f"{path.name}: entry {head.count} does not chain.")
            head = Head(line.index + 1, line.hash)
            yield line


def _anything_follows(bad: Line | None, rest: bytes) -> bool:
    """Tell whether a line after the bad one is whole and chained: then it was not torn there."""
    previous = bad
    for raw in rest.splitlines(keepends=True):
        line = parse(raw)
        if line is not None and (
            previous is None or follows(Head(previous.index + 1, previous.hash), line)
        ):
            return True
        previous = line
    return bad is not None and bool(rest)


def _last_head(path: Path) -> Head:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LINE_BYTES_MAX))
        line = parse(file.read().splitlines(keepends=True)[-1])
    if line is None:
        raise LogBroken(f"{path.name} does not end with a whole entry.")
    return Head(line.index + 1, line.hash)


def _line_bytes(line: Line) -> int:
    return len(b"%d" % line.index) + 1 + 2 * len(line.hash) + 1 + len(line.content) + 1
