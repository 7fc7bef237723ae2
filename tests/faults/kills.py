"""Faults at the n-th call: children under the shim, and the check after each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from faults import book as books
from faults.check import violations

HERE = Path(__file__).parent
WRITES = frozenset(("write", "pwrite64"))
MODES = ("kill", "eio", "enospc", "torn", "short")


@dataclass(frozen=True, slots=True)
class Point:
    """A fault: in which workload, at which call, of which kind."""

    seed: int
    at: int
    call: str
    path: str
    mode: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault did: how the child ended, what it had said, and what does not hold."""

    point: Point
    code: int
    book: books.Book
    wrong: tuple[str, ...]


def compiled(directory: Path) -> Path | None:
    """Return the shim, or None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = directory / "shim.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(HERE / "shim.c")]
    subprocess.run(command, check=True)
    return library


def named(log: Path) -> list[tuple[str, str]]:
    """Return the calls that the shim has written down, each with the file's name."""
    lines = log.read_text().splitlines()
    return [(call, path) for call, _, path in (line.partition(" ") for line in lines)]


class Bench:
    """A zygote under the shim, and a directory of its own for each fault."""

    def __init__(self, process: subprocess.Popen[str], template: Path, place: Path) -> None:
        self._process = process
        self._template = template
        self._place = place

    def fresh(self) -> Path:
        """Return a fresh copy of the prepared universe."""
        data = self._place / "data"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self._template, data)
        return data

    def run(
        self, seed: int, count: int, mode: str, at: int, *, bug: str = "", names: str = ""
    ) -> tuple[int, books.Book]:
        """Run a workload on a fresh copy with one fault; return how it ended and what it said."""
        said = self._place / "said"
        task = {
            "data": str(self.fresh()),
            "said": str(said),
            "seed": seed,
            "count": count,
            "mode": mode,
            "at": at,
            "bug": bug,
            "names": names,
        }
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the zygote has no pipes")
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        code = json.loads(self._process.stdout.readline())["code"]
        return code, books.read(said.read_bytes())

    def calls(self, seed: int, count: int, bug: str = "") -> list[tuple[str, str]]:
        """Return the calls that change files, in order, each with the file's name."""
        names = self._place / "names"
        code, book = self.run(seed, count, "count", 0, bug=bug, names=str(names))
        if code or not book.ended:
            raise RuntimeError((self._place / "said.err").read_text()[-3000:])
        return named(names)

    def points(self, seed: int, count: int, bug: str = "") -> list[Point]:
        """Return every fault that can meet a workload."""
        return [
            Point(seed, number, call, path, mode)
            for number, (call, path) in enumerate(self.calls(seed, count, bug), 1)
            for mode in MODES
            if mode not in {"torn", "short"} or call in WRITES
        ]

    async def meet(self, point: Point, count: int, bug: str = "") -> Outcome:
        """Let a fault happen and return what does not hold afterwards."""
        code, book = self.run(point.seed, count, point.mode, point.at, bug=bug)
        wrong = await violations(self._place / "data", book)
        if code == -6:
            wrong.append("the workload hung")
        return Outcome(point, code, book, tuple(wrong))

    async def fence(self, point: Point, count: int, bug: str = "") -> list[str]:
        """Let a sync fail: nothing is acknowledged from there on, and the engine ends all writing.

        What was acknowledged up to there is what a process that dies at the same call has said.
        """
        before = await self.meet(replace(point, mode="kill"), count, bug)
        after = await self.meet(replace(point, mode="eio"), count, bug)
        more = len(after.book.acknowledged) - len(before.book.acknowledged)
        wrong = [*before.wrong, *after.wrong]
        if more:
            wrong.append(f"{more} operations were acknowledged after a failed sync")
        if not after.book.fenced and after.code == 0:
            wrong.append("a sync failed and the engine went on")
        return [f"{point}: {one}" for one in wrong]


@contextmanager
def bench(template: Path, place: Path, shim: Path) -> Iterator[Bench]:
    """Start a zygote."""
    place.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(HERE.parent)}
    process = subprocess.Popen(
        [os.path.realpath(sys.executable), "-m", "faults.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_with_packages(environment),
    )
    try:
        yield Bench(process, template, place)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _with_packages(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment in which the real interpreter finds what this one imports."""
    paths = [path for path in sys.path if path]
    return environment | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), *paths])}
