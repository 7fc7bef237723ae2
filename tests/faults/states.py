"""Every disk that a power cut may leave, by the rules of POSIX and no kinder.

At a crash point, what a sync covered is there. Of the rest the disk may hold any part: all of it,
none, all but one, one alone, one torn in half, and parts drawn by chance. Names are as free as
contents: they last only once their directory was synced.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from faults.trace import (
    CREATE,
    DATA,
    MKDIR,
    NAMES,
    RENAME,
    SAID,
    SYNC,
    TRUNCATE,
    UNLINK,
    Done,
    Trace,
)


@dataclass(frozen=True, slots=True)
class Disk:
    """A possible disk: its files, its directories, what was said by then, and how it came about."""

    files: dict[str, bytes]
    directories: frozenset[str]
    said: bytes
    why: str

    def lay(self, place: Path) -> None:
        """Write the disk out as a directory."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        for directory in sorted(self.directories - {""}):
            (place / directory[1:]).mkdir()
        for name, content in self.files.items():
            descriptor = os.open(f"{place}{name}", os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(descriptor, content)
            os.close(descriptor)


class Enumeration:
    """The distinct disks of a trace."""

    def __init__(self, trace: Trace, drawn: int, seed: int) -> None:
        self._trace = trace
        self._drawn = drawn
        self._chance = random.Random(seed)
        self._seen: set[bytes] = set()
        self._made: dict[tuple[int, ...], tuple[bytes, bytes]] = {}

    def disks(self, points: Collection[int] | None = None) -> Iterator[Disk]:
        """Iterate over the disks at these crash points, or at all, in order."""
        durable: set[int] = set()
        said = b""
        done = self._trace.done
        for point in range(1, len(done) + 1):
            last = done[point - 1]
            if last.kind == SYNC:
                durable |= {at for at in range(last.since) if _covers(last, done[at])}
            elif last.kind == SAID:
                said += last.data
            if points is not None and point not in points:
                continue
            free = [
                at for at in range(point) if at not in durable and done[at].kind not in {SYNC, SAID}
            ]
            for chosen, torn, why in self._choices(durable, free):
                disk = self._disk(sorted(chosen), torn, said, f"point {point}, {why}")
                if disk is not None:
                    yield disk

    def _choices(
        self, durable: set[int], free: list[int]
    ) -> Iterator[tuple[set[int], int | None, str]]:
        everything = durable | set(free)
        yield everything, None, "all"
        yield durable, None, "none"
        for at in free:
            yield everything - {at}, None, f"all but {at}"
            yield durable | {at}, None, f"only {at}"
            if self._trace.done[at].kind == DATA:
                yield everything, at, f"{at} torn"
        for _ in range(self._drawn if len(free) > 2 else 0):
            part = {at for at in free if self._chance.random() < 0.5}
            yield durable | part, None, f"drawn {sorted(part)}"

    def _disk(self, chosen: list[int], torn: int | None, said: bytes, why: str) -> Disk | None:
        """Return the disk of a choice, None where it was seen before."""
        names, directories, by_file = self._layout(chosen)
        files, mark = {}, hashlib.sha256(b"%d" % len(said))
        for name, file in sorted(names.items()):
            if name.rsplit("/", 1)[0] not in directories:
                continue
            content, digest = self._content(file, by_file.get(file, []), torn)
            files[name] = content
            mark.update(name.encode() + b"\0" + digest)
        if mark.digest() in self._seen:
            return None
        self._seen.add(mark.digest())
        return Disk(files, frozenset(directories), said, why)

    def _layout(self, chosen: list[int]) -> tuple[dict[str, int], set[str], dict[int, list[int]]]:
        names, directories = dict(self._trace.names), set(self._trace.directories)
        by_file: dict[int, list[int]] = {}
        for at in chosen:
            done = self._trace.done[at]
            if done.kind == CREATE:
                names[done.path] = done.file
            elif done.kind == RENAME:
                names.pop(done.path, None)
                names[done.to] = done.file
            elif done.kind == UNLINK:
                names.pop(done.path, None)
            elif done.kind == MKDIR:
                directories.add(done.path)
            else:
                by_file.setdefault(done.file, []).append(at)
        return names, directories, by_file

    def _content(self, file: int, chosen: list[int], torn: int | None) -> tuple[bytes, bytes]:
        here = torn if torn is not None and torn in chosen else -1
        key = (file, here, *chosen)
        made = self._made.get(key)
        if made is None:
            content = bytearray(self._trace.contents.get(file, b""))
            for at in chosen:
                _apply(content, self._trace.done[at], half=at == here)
            made = bytes(content), hashlib.sha256(content).digest()
            if len(self._made) > 500:
                self._made.clear()
            self._made[key] = made
        return made


def _covers(sync: Done, done: Done) -> bool:
    if done.kind in NAMES:
        return sync.path in {_parent(done.path), _parent(done.to or done.path)}
    return done.kind in {DATA, TRUNCATE} and done.file == sync.file


def _parent(path: str) -> str:
    return path.rsplit("/", 1)[0]


def _apply(content: bytearray, done: Done, *, half: bool) -> None:
    if done.kind == TRUNCATE:
        del content[done.size :]
        content.extend(bytes(done.size - len(content)))
        return
    data = done.data[: len(done.data) // 2] if half else done.data
    content.extend(bytes(max(0, done.offset - len(content))))
    content[done.offset : done.offset + len(data)] = data
