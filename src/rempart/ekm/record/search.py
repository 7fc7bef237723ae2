"""Finds the few entries of a log that a start needs, among the many requests that it does not.

Searching is bound by the disk, where walking verifies every entry: a start must not take minutes
because a manager has answered for years. The chain is not verified here; what is found must carry
its own proof, or be believed as far as whoever writes to the disk is.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from rempart.ekm.record.chain import Line, parse
from rempart.ekm.record.segments import segments

_NEVER = -1


def lines_with(directory: Path, *marks: bytes) -> Iterator[Line]:
    """Yield the entries in which any of these marks occurs, in order; torn ones are passed over."""
    for path in segments(directory):
        if not path.stat().st_size:
            continue
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            for raw in _lines(content, marks):
                line = parse(raw)
                if line is not None:
                    yield line


def _lines(content: mmap.mmap, marks: tuple[bytes, ...]) -> Iterator[bytes]:
    begins = 0
    hits = dict.fromkeys(marks, _NEVER)
    while True:
        for mark, hit in list(hits.items()):
            # A mark that was found further on is not looked for again: each is scanned once.
            if hit < begins:
                hits[mark] = content.find(mark, begins)
                if hits[mark] < 0:
                    del hits[mark]
        if not hits:
            return
        hit = min(hits.values())
        first = content.rfind(b"\n", begins, hit) + 1 or begins
        begins = content.find(b"\n", hit) + 1 or len(content)
        yield content[first:begins]
