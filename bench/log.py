"""What the log costs and how fast it grows: `python -m bench.log [--entries N]`.

The rows of writes and reads compare servers that take turns, run by run: one with its log, one
without (`bench/unlogged.py`), one whose checkpoints a witness beside it cosigns. A read's cost is
also given in microseconds of the server's processor, for on a shared machine a clock on the wall
measures the neighbours.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from bench import load, memory, ours
from bench.dialects import BUCKET, JSONStorage
from bench.load import Place
from bench.log_tree import grown
from bench.log_witness import witnessed
from bench.report import Figure, spread, table
from bench.universe import Universe, temporary_universe

RUNS, SECONDS, CONNECTIONS = 5, 4.0, 16
KIB = 1024
UNLOGGED = (sys.executable, "-m", "bench.unlogged")
OPEN, CLASSIFIED = BUCKET, "classified"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--only", choices=("cost", "tree"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as under:
        if chosen.only != "tree":
            _show(_costs(Path(under)))
        if chosen.only != "cost":
            for count in chosen.entries:
                data = Path(under) / str(count)
                data.mkdir()
                _show(asyncio.run(grown(data, count)))


def _show(found: list[Figure]) -> None:
    print(table(("row", "unit", "server", "figure"), [_line(one) for one in found]), flush=True)
    print()


def _line(one: Figure) -> tuple[str, str, str, str]:
    return (one.row, one.unit, one.server, spread(one.runs))


def _costs(under: Path) -> list[Figure]:
    busy = ours.busyness()
    with _servers(under) as servers:
        rates: dict[tuple[str, str], list[float]] = {}
        for run in range(RUNS + 1):  # the first warms up
            for row, measure in _ROWS.items():
                for name, universe in servers.items():
                    for unit, value in measure(universe, run).items():
                        kept = rates.setdefault((f"{row}, {unit}", name), [])
                        kept += [value] if run else []
    found = [
        Figure(row.rpartition(", ")[0], row.rpartition(", ")[2], name, tuple(values), busy)
        for (row, name), values in rates.items()
    ]
    return [*found, *_ratios(rates, busy)]


def _ratios(rates: dict[tuple[str, str], list[float]], busy: float) -> Iterator[Figure]:
    for (row, name), values in rates.items():
        without = rates.get((row, "no log"))
        if name == "no log" or without is None or not row.endswith("/s"):
            continue
        pairs = tuple(one / other for one, other in zip(values, without, strict=True))
        yield Figure(row.rpartition(", ")[0], "ratio", f"{name} ÷ no log", pairs, busy)


@contextlib.contextmanager
def _servers(under: Path) -> Iterator[dict[str, Universe]]:
    with contextlib.ExitStack() as stack:
        found = {}
        for name, program in (("log", None), ("no log", UNLOGGED), ("log, witness", None)):
            universe = stack.enter_context(temporary_universe(under))
            universe.program = program or universe.program
            universe.start()
            if "witness" in name:
                stack.enter_context(witnessed(universe))
            for bucket in (OPEN, CLASSIFIED):
                ours.make_bucket(universe, bucket)
                _put_one(universe, bucket)
            _label(universe)
            found[name] = universe
        yield found


def _put_one(universe: Universe, bucket: str) -> None:
    heads = [JSONStorage(universe.token(), bucket).put("one", 4 * KIB)]
    load.each(Place(universe.http), heads, bytes(4 * KIB), 1)


def _label(universe: Universe) -> None:
    answer = httpx.patch(
        f"{universe.plain_url}/storage/v1/b/{CLASSIFIED}",
        headers={"authorization": f"Bearer {universe.token()}"},
        json={"labels": {"rempart-sensitivity": "restricted"}},
        trust_env=False,
    )
    answer.raise_for_status()


def _writes(universe: Universe, run: int) -> dict[str, float]:
    dialect = JSONStorage(universe.token())
    heads = [dialect.put(f"w/{run}/{index:06d}", 4 * KIB) for index in range(20_000)]
    return _measured(universe, heads, bytes(4 * KIB))


def _reads(bucket: str) -> Callable[[Universe, int], dict[str, float]]:
    def measure(universe: Universe, _run: int) -> dict[str, float]:
        return _measured(universe, [JSONStorage(universe.token(), bucket).get("one")], b"")

    return measure


def _measured(universe: Universe, heads: list[bytes], body: bytes) -> dict[str, float]:
    pid = ours.pid_of(universe)
    before, begun = memory.processor_seconds(pid), time.perf_counter()
    work = load.Load(heads, body, CONNECTIONS, SECONDS)
    rate = load.rate(Place(universe.http), work)
    taken = memory.processor_seconds(pid) - before
    done = rate * (time.perf_counter() - begun)
    return {"/s": rate, "µs of processor": taken / done * 1e6}


_ROWS = {
    f"PUT 4 KiB, {CONNECTIONS} connections": _writes,
    f"GET 4 KiB, {CONNECTIONS} connections": _reads(OPEN),
    f"GET 4 KiB of a classified bucket, {CONNECTIONS} connections": _reads(CLASSIFIED),
}


if __name__ == "__main__":
    main()
