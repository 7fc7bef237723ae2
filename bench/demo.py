"""A real tree and a large file through Google's own tools, read back by others and compared.

`python -m bench.demo` starts a universe of its own, uploads, lists, copies, reads back by another
tool than wrote, deletes, stops, and verifies the log. It leaves nothing behind, and ends with exit
code 1 where anything differs or fails.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.tools import Tick, Tool, present, run
from bench.tree import Sums, copy_real_tree, sums, write_random
from bench.universe import Broken, Universe, temporary_universe

ROOT = Path(__file__).resolve().parents[1]
FILES, PART_FILES = 4000, 400
BIG_BYTES = 1 << 30
PLANS = (
    ("tree", ("gcloud storage", "Python library"), ("Python library", "rclone", "gsutil -m")),
    ("big", ("gcloud storage", "Python library"), ("rclone", "Python library", "gsutil -m")),
    ("part-a", ("gsutil -m", "rclone"), ("gcloud storage", "rclone", "Python library")),
    ("part-b", ("Python library",), ("gsutil -m", "gcloud storage", "rclone")),
)
"""What is carried, who may write it, who may read it back: the first that is installed does."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the table."""

    what: str
    tool: str
    files: int
    size: int
    seconds: float


class Show:
    """Bars on a terminal, plain lines elsewhere; keeps the steps for the table."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.steps: list[Step] = []

    @contextmanager
    def step(self, what: str, tool: str, files: int = 0, size: int = 0) -> Iterator[Tick]:
        """Time a step; yield what its progress is told to."""
        title = f"{what} [{tool}]" if tool else what
        begun = time.perf_counter()
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}", markup=False), BarColumn())
            with Progress(
                *columns, MofNCompleteColumn(), TimeElapsedColumn(), console=self.console
            ) as bar:
                task = bar.add_task(title, total=files or None)
                yield lambda more: bar.advance(task, more)
                bar.update(task, total=files or 1, completed=files or 1)
        else:
            yield lambda _more: None
        made = Step(what, tool, files, size, time.perf_counter() - begun)
        self.steps.append(made)
        if not self.console.is_terminal:
            self.console.print(f"{title}: {made.seconds:.1f} s", markup=False, highlight=False)

    def table(self) -> Table:
        """Return what each step took."""
        table = Table(title="What it took")
        for name in ("step", "tool"):
            table.add_column(name)
        for name in ("files", "MB", "s", "files/s", "MB/s"):
            table.add_column(name, justify="right")
        for step in self.steps:
            rates = (step.files / step.seconds, step.size / step.seconds / 1e6)
            table.add_row(
                step.what,
                step.tool,
                f"{step.files:,}" if step.files else "",
                f"{step.size / 1e6:,.1f}" if step.size else "",
                f"{step.seconds:.2f}",
                f"{rates[0]:,.0f}" if step.files > 1 else "",
                f"{rates[1]:,.1f}" if step.size else "",
            )
        return table


@dataclass(slots=True)
class Demo:
    """The universe, the tools, and what has been put where."""

    universe: Universe
    tools: dict[str, Tool]
    show: Show
    bucket: str = "demo"

    @property
    def away(self) -> Path:
        """Return the directory of what is uploaded."""
        return self.universe.home / "files"

    def prepare(self, files: int, big_bytes: int) -> None:
        """Write the files: one tree, two parts of it once more, one large file."""
        with self.show.step("write the files", "this program", files, big_bytes):
            copy_real_tree(self.away / "tree", files)
            every = sorted(p for p in (self.away / "tree").rglob("*") if p.is_file())
            chosen = every[:: max(1, files // (2 * PART_FILES))]
            for index, path in enumerate(chosen):
                part = self.away / ("part-a", "part-b")[index % 2]
                target = part / path.relative_to(self.away / "tree")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            (self.away / "big").mkdir()
            write_random(self.away / "big" / "big.bin", big_bytes)

    def carry(self, what: str, writers: tuple[str, ...], readers: tuple[str, ...]) -> None:
        """Upload, look at what the server says it has, read back by another tool, compare."""
        here = self.away / what
        with self.show.step(f"{what}: hash", "this program") as _tick:
            expected = sums(here)
        files, size = len(expected), sum(one.size for one in expected.values())
        writer = self._first(writers)
        with self.show.step(f"{what}: upload", writer.name, files, size) as tick:
            self._run(writer, writer.up, here, writer.address(f"{self.bucket}/{what}"), tick)
        with self.show.step(f"{what}: list, compare crc32c", "plain HTTP", files):
            self.expect(what, expected)
        reader = self._first(tuple(name for name in readers if name != writer.name))
        back = self.universe.home / "back" / what
        back.mkdir(parents=True)
        with self.show.step(f"{what}: download", reader.name, files, size) as tick:
            self._run(reader, reader.down, back, reader.address(f"{self.bucket}/{what}"), tick)
        with self.show.step(f"{what}: compare SHA-256", "this program", files, size):
            _same(f"{what}, read back by {reader.name}", expected, sums(back))
        shutil.rmtree(back)

    def list_everywhere(self) -> None:
        """Let every tool list the tree; all must see the same number of objects."""
        expected = len(sums(self.away / "tree"))
        for tool in self.tools.values():
            there = tool.address(f"{self.bucket}/tree")
            with self.show.step("tree: list", tool.name, expected) as tick:
                lines = self._run(tool, tool.names, self.away, there, tick)
            if lines != expected:
                raise Broken(f"{tool.name} lists {lines} objects, and {expected} were uploaded.")

    def copy(self) -> None:
        """Copy a part and the large file inside the cloud and compare the checksums."""
        for what in ("part-a", "big"):
            expected = sums(self.away / what)
            size = sum(one.size for one in expected.values())
            tool = self._first(("gcloud storage", "gsutil -m", "rclone"))
            source = tool.address(f"{self.bucket}/{what}")
            target = tool.address(f"{self.bucket}/copy-{what}")
            with self.show.step(f"{what}: copy in the cloud", tool.name, len(expected), size) as up:
                verb = tool.copy if tool.name == "rclone" else ("rsync", "-r", *tool.copy[2:])
                program = tool.words(verb, source, target)
                run(program, self.universe.environment, ROOT, up)
            self.expect(f"copy-{what}", expected)

    def delete(self) -> None:
        """Delete everything by one tool, and see by plain HTTP that nothing is left."""
        count = len(self.stored(""))
        tool = self._first(tuple(self.tools))
        with self.show.step("delete everything", tool.name, count) as tick:
            self._run(tool, tool.remove, self.away, tool.address(self.bucket), tick)
        left = self.stored("")
        if left:
            raise Broken(f"{len(left)} objects are left, such as {next(iter(left))}.")

    def expect(self, what: str, expected: dict[str, Sums]) -> None:
        """Compare size and crc32c of every object with the file it came from."""
        stored = self.stored(f"{what}/")
        wanted = {f"{what}/{name}": (one.size, one.crc32c) for name, one in expected.items()}
        if stored != wanted:
            wrong = [name for name in wanted | stored if stored.get(name) != wanted.get(name)]
            raise Broken(f"{what}: {len(wrong)} objects differ from their files, as {wrong[0]}.")

    def stored(self, prefix: str) -> dict[str, tuple[int, str]]:
        """Return size and crc32c of the objects under a prefix, as plain HTTP sees them."""
        found: dict[str, tuple[int, str]] = {}
        page: str | None = ""
        with self.caller() as caller:
            while page is not None:
                asked = {"prefix": prefix, "pageToken": page} if page else {"prefix": prefix}
                answer = caller.get(f"/storage/v1/b/{self.bucket}/o", params=asked)
                answer.raise_for_status()
                listed = answer.json()
                for item in listed.get("items", ()):
                    found[item["name"]] = (int(item["size"]), item["crc32c"])
                page = listed.get("nextPageToken")
        return found

    def caller(self) -> httpx.Client:
        """Return plain HTTP on the plaintext port, as the administrator."""
        headers = {"authorization": f"Bearer {self.universe.token()}"}
        return httpx.Client(
            base_url=self.universe.plain_url, headers=headers, trust_env=False, timeout=60
        )

    def _run(self, tool: Tool, verb: tuple[str, ...], here: Path, there: str, tick: Tick) -> int:
        return run(tool.words(verb, str(here), there), self.universe.environment, ROOT, tick)

    def _first(self, names: tuple[str, ...]) -> Tool:
        for name in names:
            if name in self.tools:
                return self.tools[name]
        raise Broken(f"None of {', '.join(names)} is installed on this machine.")


def _same(what: str, expected: dict[str, Sums], found: dict[str, Sums]) -> None:
    if found == expected:
        return
    wrong = [name for name in expected | found if found.get(name) != expected.get(name)]
    raise Broken(f"{what}: {len(wrong)} files differ, such as {wrong[0]}.")


def demonstrate(console: Console, *, files: int, big_bytes: int, wanted: list[str]) -> None:
    """Do all of it; raises `Broken` at the first thing that is not as it must be."""
    tools, absent = present(wanted)
    for name in absent:
        console.print(f"{name} is not installed on this machine and is left out.", highlight=False)
    show = Show(console)
    with temporary_universe() as universe:
        with show.step("first start of the universe", "rempart up"):
            universe.start()
        demo = Demo(universe, tools, show)
        demo.prepare(files, big_bytes)
        _make_bucket(demo)
        for what, writers, readers in PLANS:
            demo.carry(what, writers, readers)
        demo.list_everywhere()
        demo.copy()
        demo.delete()
        universe.stop()
        with show.step("walk the log", "rempart verify"):
            report = universe.run("verify")
    console.print(show.table())
    console.print(report.rstrip(), markup=False, highlight=False)


def _make_bucket(demo: Demo) -> None:
    settings = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    environment = demo.universe.environment
    body = {"name": demo.bucket, "location": environment["REMPART_LOCATION"]} | settings
    with demo.caller() as caller:
        project = environment["GOOGLE_CLOUD_PROJECT"]
        caller.post("/storage/v1/b", params={"project": project}, json=body).raise_for_status()


def main(words: list[str] | None = None) -> int:
    """Run the demonstration and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.demo", description=__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--big-mib", type=int, default=BIG_BYTES >> 20)
    parser.add_argument("--tools", default="", help="take these alone, separated by commas")
    given = parser.parse_args(words)
    wanted = [name for name in given.tools.split(",") if name]
    console = Console(width=None if sys.stdout.isatty() else 120)
    begun = time.perf_counter()
    try:
        demonstrate(console, files=given.files, big_bytes=given.big_mib << 20, wanted=wanted)
    except (Broken, httpx.HTTPError) as problem:
        print(f"The demonstration failed: {problem}", file=sys.stderr)
        return 1
    print(f"Everything that was read back is what was written. {time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
