"""What a workload did to its files, read from strace: one list of operations and announcements."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from faults.kills import HERE

CALLS = "openat,write,pwrite64,ftruncate,rename,unlink,mkdir,link,fsync,fdatasync"
LINE_BYTES = 4_000_000
NOT_KEPT = ("-shm", "/lock")
"""Memory shared while open, and a lock: neither is data, and neither survives."""

CREATE, DATA, TRUNCATE, RENAME, UNLINK, MKDIR, SYNC, SAID = (
    "create", "data", "truncate", "rename", "unlink", "mkdir", "sync", "said"
)  # fmt: skip
NAMES = frozenset((CREATE, RENAME, UNLINK, MKDIR))

_LINE = re.compile(r"(\d+) +(.*)")
_WHOLE = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?$")
_UNFINISHED = re.compile(r"(\w+)\((.*?) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True)
class Done:
    """One operation. Files are known by number, so that they keep themselves through a rename.

    `since` is how many operations were complete when a sync began: only those does it cover.
    """

    kind: str
    path: str = ""
    to: str = ""
    file: int = -1
    offset: int = 0
    data: bytes = b""
    size: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """The files at the start, by path, and what was done from there."""

    names: dict[str, int]
    contents: dict[int, bytes]
    directories: frozenset[str]
    done: list[Done]


def traced(
    template: Path,
    place: Path,
    seed: int,
    count: int,
    bug: str = "",
    preloaded: Mapping[str, str] | None = None,
) -> Trace | None:
    """Run a workload under strace; None where strace is missing or not allowed."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    data = place / "traced"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(template, data)
    log = place / "strace.log"
    command = [strace, "-qq", "-f", "--seccomp-bpf", "-y", "-xx", "-s", str(LINE_BYTES)]
    command += ["-o", str(log), "-e", f"trace={CALLS}", os.path.realpath(sys.executable)]
    command += ["-m", "faults.workload", str(data), str(seed), str(count)]
    paths = os.pathsep.join([str(HERE.parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths, "FAULTS_BUG": bug, **(preloaded or {})}
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    if b"Operation not permitted" in ended.stderr and not ended.stdout:
        return None
    if not ended.stdout.endswith(b"END\n"):
        raise RuntimeError(ended.stderr.decode(errors="replace")[-3000:])
    return _Reader(template, data).read(log)


class _Reader:
    def __init__(self, template: Path, data: Path) -> None:
        self._root = str(data)
        self._files: dict[str, int] = {}
        contents: dict[int, bytes] = {}
        directories: set[str] = set()
        for path in sorted(template.rglob("*")):
            name = "/" + str(path.relative_to(template))
            if path.is_dir():
                directories.add(name)
            elif not name.endswith(NOT_KEPT):
                self._files[name] = len(contents)
                contents[len(contents)] = path.read_bytes()
        self._directories = {"", *directories}
        self._next = len(contents)
        self._positions: dict[int, int] = {}
        self._trace = Trace(dict(self._files), contents, frozenset(self._directories), [])

    def read(self, log: Path) -> Trace:
        for call, arguments, result, since in _calls(log, self._trace.done):
            if result >= 0:
                self._take(call, arguments, result, since)
        return self._trace

    def _take(self, call: str, arguments: str, result: int, since: int) -> None:
        done = self._trace.done
        if call == "write" and arguments.startswith("1<"):
            done.append(Done(SAID, data=_bytes(arguments)[:result]))
            return
        where = self._where(call, arguments)
        if where is None:
            return
        if call in {"fsync", "fdatasync"}:
            done.append(Done(SYNC, where, file=self._files.get(where, -1), since=since))
        elif call in {"write", "pwrite64", "ftruncate"}:
            self._change(call, where, arguments, result)
        else:
            self._name(call, where, arguments)

    def _where(self, call: str, arguments: str) -> str | None:
        """Return the path within the data directory, None outside of it."""
        if call in {"openat", "rename", "unlink", "mkdir", "link"}:
            path = _texts(arguments)[0]
        else:
            path = _plain(arguments.split("<", 1)[1].split(">", 1)[0])
        if not path.startswith(self._root) or path.endswith(NOT_KEPT):
            return None
        return path.removeprefix(self._root)

    def _change(self, call: str, path: str, arguments: str, result: int) -> None:
        file = self._files.get(path)
        if file is None:
            return
        if call == "ftruncate":
            size = int(arguments.rsplit(",", 1)[1])
            self._trace.done.append(Done(TRUNCATE, path, file=file, size=size))
            return
        data = _bytes(arguments)[:result]
        if call == "pwrite64":
            offset = int(arguments.rsplit(",", 1)[1])
        else:
            offset = self._positions.get(file, 0)
            self._positions[file] = offset + result
        self._trace.done.append(Done(DATA, path, file=file, offset=offset, data=data))

    def _name(self, call: str, path: str, arguments: str) -> None:
        done = self._trace.done
        if call == "mkdir":
            self._directories.add(path)
            done.append(Done(MKDIR, path))
        elif call == "unlink":
            done.append(Done(UNLINK, path, file=self._files.pop(path, -1)))
        elif call == "rename":
            to = _texts(arguments)[1].removeprefix(self._root)
            file = self._files[to] = self._files.pop(path)
            done.append(Done(RENAME, path, to, file))
        elif "O_CREAT" in arguments and "O_DIRECTORY" not in arguments:
            if path not in self._files:
                self._files[path] = self._next
                self._next += 1
                done.append(Done(CREATE, path, file=self._files[path]))
            if "O_TRUNC" in arguments:
                done.append(Done(TRUNCATE, path, file=self._files[path]))


def _calls(log: Path, done: list[Done]) -> Iterator[tuple[str, str, int, int]]:
    """Iterate over complete calls; one that was interrupted in the log is joined again."""
    begun: dict[str, tuple[str, int]] = {}
    with log.open() as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            if found is None:
                continue
            thread, text = found.groups()
            if unfinished := _UNFINISHED.match(text):
                begun[thread] = (f"{unfinished[1]}({unfinished[2]}", len(done))
                continue
            since = len(done)
            if (resumed := _RESUMED.match(text)) and thread in begun:
                head, since = begun.pop(thread)
                text = head + resumed[2]
            if whole := _WHOLE.match(text):
                yield whole[1], whole[2], int(whole[3]), since


def _texts(arguments: str) -> list[str]:
    return [_plain(text) for text in _TEXT.findall(arguments)]


def _bytes(arguments: str) -> bytes:
    found = _TEXT.search(arguments)
    return bytes.fromhex(found[1].replace("\\x", "")) if found else b""


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode() if "\\x" in text else text
