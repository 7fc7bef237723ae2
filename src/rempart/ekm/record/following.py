"""Reads the log's entries in order, from any of them on, each verified against the one before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rempart.ekm.record.chain import LINE_BYTES_MAX, Head, Line, follows, parse
from rempart.ekm.record.segments import LogBroken, segment_name, segments


class Follower:
    """Stands after the entry of `head`, and goes on from there. Raises `LogBroken`."""

    def __init__(self, directory: Path, head: Head, path: Path, place: int) -> None:
        self._directory = directory
        self._path = path
        self._place = place
        self.head = head

    @classmethod
    def after(cls, directory: Path, count: int) -> Follower:
        """Stand after so many entries, of which the last is taken as it is."""
        if count == 0:
            return cls(directory, Head(), directory / segment_name(0), 0)
        last = segment_name(count - 1)
        path = max((it for it in segments(directory) if it.name <= last), default=None)
        place = 0
        if path is not None:
            with path.open("rb") as file:
                while raw := file.readline(LINE_BYTES_MAX + 1):
                    place += len(raw)
                    line = parse(raw)
                    if line is not None and line.index == count - 1:
                        return cls(directory, Head(count, line.hash), path, place)
        raise LogBroken(f"entry {count - 1} is missing")

    def read(self, until: int) -> Iterator[Line]:
        """Yield entries until there are so many; these must be there."""
        while self.head.count < until:
            before = self.head.count
            yield from self._rest(until)
            if self.head.count < until:
                path = self._directory / segment_name(self.head.count)
                if path == self._path and before == self.head.count:
                    raise LogBroken(f"entry {before} is missing")
                self._path, self._place = path, 0

    def _rest(self, until: int) -> Iterator[Line]:
        """Yield what the file that was reached has."""
        if not self._path.exists():
            raise LogBroken(f"entry {self.head.count} is missing")
        with self._path.open("rb") as file:
            file.seek(self._place)
            while self.head.count < until and (raw := file.readline(LINE_BYTES_MAX + 1)):
                line = parse(raw)
                if line is None or not follows(self.head, line):
                    raise LogBroken(f"{self._path.name}: entry {self.head.count} does not chain.")
                self.head = Head(line.index + 1, line.hash)
                self._place += len(raw)
                yield line
