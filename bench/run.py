"""The benchmark: every row, every server, several runs in turn; figures and ratios at the end.

`python -m bench` on a quiet machine; `--quick` to see that it works. Servers take turns within a
row, run by run, so that a disturbance of the machine falls on all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bench import limits, ours, peers, report
from bench.customer_keys import DEFAULT, KEYS, WORDS, customer_keys
from bench.customer_keys import PAIRS as KEY_PAIRS
from bench.keys import keys
from bench.peers import Missing, Target
from bench.radosgw import radosgw
from bench.report import Figure
from bench.rows import Row, Scale, requests
from bench.universe import Broken, temporary_universe

PAIRS = (
    ("Rempart", "nginx"),
    ("Rempart TLS", "nginx TLS"),
    ("Rempart", "SeaweedFS, fsync"),
    ("Rempart", "SeaweedFS"),
    ("Rempart", "radosgw"),
    ("Rempart", "limit"),
)
QUICK = Scale(seconds=0.3, large_bytes=32 << 20, runs=2, many_objects=20_000)
PEERS = ("nginx", "seaweedfs", "radosgw")
PARTS = ("start", "memory", "requests", "lists", "keys", "customer-keys")


@dataclass(frozen=True, slots=True)
class Show:
    """Says what was found as it is found, and keeps it where a file is named."""

    file: Path | None
    console: Console = field(default_factory=Console)

    def line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def keep(self, one: Figure) -> None:
        if self.file is not None:
            report.keep(self.file, [one])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured, and against whom."""

    parts: Sequence[str]
    peers: Sequence[str]
    row: str
    """Request rows whose name holds this."""


def measure(scale: Scale, wanted: Wanted, show: Show) -> tuple[list[Figure], str]:
    """Measure the wanted parts and return the figures and a remark on who took part."""
    found: list[Figure] = []
    remark = ""
    with tempfile.TemporaryDirectory(prefix="rempart-bench-") as name:
        home = Path(name)
        alone = {
            "start": ours.start_up,
            "memory": ours.memory_rows,
            "lists": ours.lists,
            "keys": keys,
            "customer-keys": customer_keys,
        }
        for part in wanted.parts:
            if part == "requests":
                with contextlib.ExitStack() as stack:
                    made, remark = _requests(scale, home, wanted, stack, show)
                found += made
            else:
                found += _said(alone[part](scale, home), show)
    return found, remark


def _said(figures: Iterable[Figure], show: Show) -> Iterator[Figure]:
    for one in figures:
        runs = report.spread(one.runs)
        show.line(f"{one.row}: {one.server} {runs} {one.unit} (load {one.busy:.1f})")
        show.keep(one)
        yield one


def _requests(
    scale: Scale, home: Path, wanted: Wanted, stack: contextlib.ExitStack, show: Show
) -> tuple[list[Figure], str]:
    universe = stack.enter_context(temporary_universe(home))
    universe.start()
    ours.make_bucket(universe)
    certificate = universe.data / "tls"
    others, absent = _peers(home, certificate, wanted.peers, stack)
    for line in absent:
        show.line(line)
    servers = (*ours.targets(universe), *others)
    found: list[Figure] = []
    for row in requests(scale.large_bytes):
        if wanted.row in row.name:
            found += _said(_row(row, servers, scale, home), show)
    universe.stop()
    found += _said([ours.verify_row(universe, scale)], show)
    remarks = [f"* {one.name}: durability {one.durability}" for one in servers]
    return found, "\n".join((*remarks, *(f"* {line}" for line in absent)))


def _peers(
    home: Path, certificates: Path, wanted: Sequence[str], stack: contextlib.ExitStack
) -> tuple[list[Target], list[str]]:
    found: list[Target] = []
    absent = [f"{name} is left out: not asked for" for name in PEERS if name not in wanted]
    if "nginx" in wanted:
        try:
            certificate, key = certificates / "server.pem", certificates / "server-key.pem"
            found += stack.enter_context(peers.nginx(home / "nginx", certificate, key))
        except Missing as problem:
            absent.append(f"nginx is left out: {problem}")
    for synced in (True, False) if "seaweedfs" in wanted else ():
        try:
            where = home / f"seaweed-{synced}"
            found.append(stack.enter_context(peers.seaweed(where, synced=synced)))
        except (Missing, Broken) as problem:
            absent.append(f"SeaweedFS is left out: {problem}")
    if "radosgw" in wanted:
        try:
            found.append(stack.enter_context(radosgw(home / "radosgw")))
        except (Missing, Broken) as problem:
            absent.append(f"radosgw is left out: {problem}")
    return found, absent


def _row(row: Row, servers: Sequence[Target], scale: Scale, home: Path) -> Iterator[Figure]:
    runs: dict[str, list[float]] = {}
    busy = ours.busyness()
    for _ in range(scale.runs):
        for server in servers:
            # What an earlier server has not written yet must not be written in this one's turn.
            os.sync()
            try:
                value = row.measure(server, scale) * row.scale
            except (Broken, OSError) as problem:
                raise Broken(f"{server.name}, {row.name}: {problem}") from problem
            if value:
                runs.setdefault(server.name, []).append(value)
        os.sync()
        limit = _limit(row, scale, home)
        if limit is not None:
            runs.setdefault("limit", []).append(limit)
    for name, values in runs.items():
        yield Figure(row.name, row.unit, name, tuple(values), busy)


def _limit(row: Row, scale: Scale, home: Path) -> float | None:
    """Return what the machine itself does, where there is such a thing."""
    if row.name.startswith("PUT") and "stream" in row.name:
        streams = 4 if "4 streams" in row.name else 1
        size = scale.large_bytes // streams
        hashed = limits.md5(size) * min(streams, os.cpu_count() or 1)
        return min(hashed, limits.disk(home, size, streams)) * row.scale
    if row.name == "PUT 4 KiB, 1 connection":
        return limits.syncs(home, scale.seconds)
    return None


def document(found: Sequence[Figure], remark: str, command: str) -> str:
    """Return the tables as Markdown."""
    under_keys = [one for one in found if WORDS in one.row]
    others = [one for one in found if WORDS not in one.row]
    servers = list(dict.fromkeys(one.server for one in others))
    busy = statistics.median(one.busy for one in found)
    return "\n\n".join(
        (
            f"Measured {report.machine()}. Median load average before a row {busy:.1f}.",
            f"Command: `{command}`.",
            "## Ratios, run by run: above 1, Rempart is ahead",
            report.ratios(others, PAIRS),
            "## Figures",
            report.figures(others, servers),
            "## Under customers' keys: ratios to the universe's own encryption",
            report.ratios(under_keys, KEY_PAIRS),
            report.figures(under_keys, (DEFAULT, *KEYS)),
            remark,
        )
    )


def main(words: list[str] | None = None) -> int:
    """Run the benchmark and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and short, to see it work")
    parser.add_argument("--seconds", type=float, help="length of one run of a request row")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--parts", default=",".join(PARTS), help="which of " + ", ".join(PARTS))
    parser.add_argument("--peers", default=",".join(PEERS), help="which of " + ", ".join(PEERS))
    parser.add_argument("--only", default="", help="request rows whose name holds this")
    parser.add_argument("--large-mib", type=int, help="size of the large body")
    parser.add_argument("--output", type=Path, help="write the tables to a file as well")
    parser.add_argument("--figures", type=Path, help="add to this file, and report all in it")
    given = parser.parse_args(words)
    scale = QUICK if given.quick else Scale()
    scale.seconds = given.seconds or scale.seconds
    scale.runs = given.runs or scale.runs
    scale.large_bytes = given.large_mib << 20 if given.large_mib else scale.large_bytes
    try:
        wanted = Wanted(given.parts.split(","), given.peers.split(","), given.only)
        found, remark = measure(scale, wanted, Show(given.figures))
    except (Broken, OSError) as problem:
        print(f"The benchmark failed: {problem}", file=sys.stderr)
        return 1
    command = "python -m bench " + " ".join(sys.argv[1:] if words is None else words)
    if given.figures:
        found = report.kept(given.figures)
    text = document(found, remark, command.strip())
    print(text)
    if given.output:
        given.output.write_text(text + "\n")
    return 0
