"""The rows that only our own server is measured in: start, memory, long lists, the log."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench import load, memory, streams
from bench.dialects import BUCKET, JSONStorage
from bench.fill import fill, object_name
from bench.load import Place
from bench.peers import Target
from bench.report import Figure
from bench.rows import Scale
from bench.universe import Broken, Universe, temporary_universe

FEW_OBJECTS = 10_000
PAGE_SECONDS = 2.0
SETTLE_SECONDS = 2.0
DURABLE = "on disk when answered; encrypted; logged"


def targets(universe: Universe) -> tuple[Target, Target]:
    """Return our server over plain HTTP and over TLS."""
    dialect = JSONStorage(universe.token())
    trusted = ssl.create_default_context(cafile=universe.environment["REQUESTS_CA_BUNDLE"])
    return (
        Target("Rempart", DURABLE, Place(universe.http), dialect),
        Target("Rempart TLS", DURABLE, Place(universe.listen, trusted), dialect),
    )


def make_bucket(universe: Universe, name: str = BUCKET) -> None:
    """Create a bucket with uniform access."""
    told = universe.environment
    body = {
        "name": name,
        "location": told["REMPART_LOCATION"],
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
    }
    answer = httpx.post(
        f"{universe.plain_url}/storage/v1/b",
        params={"project": told["GOOGLE_CLOUD_PROJECT"]},
        headers={"authorization": f"Bearer {universe.token()}"},
        json=body,
        trust_env=False,
    )
    answer.raise_for_status()


def start_up(scale: Scale, under: Path) -> Iterator[Figure]:
    """Measure the first start, which creates everything, and the later ones."""
    busy, first, later = busyness(), [], []
    for _ in range(scale.runs):
        with temporary_universe(under) as universe:
            first.append(universe.start())
            universe.stop()
            later.append(universe.start())
    yield Figure("first start, until it answers", "s", "Rempart", tuple(first), busy)
    yield Figure("later start, until it answers", "s", "Rempart", tuple(later), busy)


def memory_rows(scale: Scale, under: Path) -> Iterator[Figure]:
    """Measure resident memory, server and TLS door together: idle, and the peak of an upload."""
    busy, idle, most = busyness(), [], []
    for _ in range(scale.runs):
        with temporary_universe(under) as universe:
            universe.start()
            make_bucket(universe)
            _, tls = targets(universe)
            time.sleep(SETTLE_SECONDS)
            pid = pid_of(universe)
            idle.append(memory.resident(pid) / 1e6)
            memory.forget_peak(pid)
            heads = [tls.dialect.put(f"m/{index}", scale.large_bytes) for index in range(4)]
            streams.upload(tls.place, heads, scale.large_bytes)
            most.append(memory.peak(pid) / 1e6)
    yield Figure("memory, idle", "MB", "Rempart", tuple(idle), busy)
    yield Figure(
        f"memory, peak of four uploads of {scale.large_bytes >> 20:,} MiB over TLS",
        "MB",
        "Rempart",
        tuple(most),
        busy,
    )


def pid_of(universe: Universe) -> int:
    """Return the process of a running universe."""
    if universe.process is None:
        raise Broken("The universe is not running.")
    return universe.process.pid


def lists(scale: Scale, under: Path) -> Iterator[Figure]:
    """Measure pages of 1,000 at the start and in the middle of a short and a long bucket."""
    sizes = {"few": min(FEW_OBJECTS, scale.many_objects), "many": scale.many_objects}
    with _filled(sizes, under) as universe:
        plain, _ = targets(universe)
        busy = busyness()
        rates: dict[str, list[float]] = {}
        for _ in range(scale.runs):
            for bucket, count in sizes.items():
                for where, start in (("first", ""), ("middle", object_name(count // 2))):
                    head = plain.dialect.list(bucket, start) or b""
                    work = load.Load([head], b"", 1, min(PAGE_SECONDS, scale.seconds))
                    name = f"list 1,000 of {count:,}, {where} page"
                    rates.setdefault(name, []).append(load.rate(plain.place, work))
    for name, values in rates.items():
        yield Figure(name, "pages/s", "Rempart", tuple(values), busy)


@contextmanager
def _filled(sizes: dict[str, int], under: Path) -> Iterator[Universe]:
    with temporary_universe(under) as universe:
        universe.start()
        who = {"authorization": f"Bearer {universe.token()}"}
        for bucket in sizes:
            make_bucket(universe, bucket)
            url = f"{universe.plain_url}/upload/storage/v1/b/{bucket}/o"
            asked = {"uploadType": "media", "name": object_name(0)}
            made = httpx.post(url, params=asked, headers=who, content=b"x" * 100, trust_env=False)
            made.raise_for_status()
        universe.stop()
        for bucket, count in sizes.items():
            asyncio.run(fill(universe.data, bucket, object_name(0), count))
        universe.start()
        yield universe


def verify_row(universe: Universe, scale: Scale) -> Figure:
    """Measure how fast the log of a stopped universe is walked."""
    busy, count = busyness(), 0
    rates: list[float] = []
    for _ in range(scale.runs):
        begun = time.perf_counter()
        report = json.loads(universe.run("verify", "--json"))
        seconds = time.perf_counter() - begun
        entries = re.match(r"(\d+) entries", report["checks"][0]["detail"])
        if entries is None or not report["ok"]:
            raise Broken(f"rempart verify says {report}")
        count = int(entries[1])
        rates.append(count / seconds)
    return Figure(f"verify a log of {count:,} entries", "entries/s", "Rempart", tuple(rates), busy)


def busyness() -> float:
    """Return the load average of the last minute."""
    return float(Path("/proc/loadavg").read_text().split()[0])
