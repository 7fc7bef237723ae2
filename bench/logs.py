"""How long `entries.list` searches a million entries: `python -m bench.logs [COUNT]`.

The entries are made like those of an audit log: some thousand objects, twenty principals, some
refusals. They are written as segments into an embedded engine on this disk, and searched as the
API does it: a page of 50, the newest first. The same entries lie in a file, a line of JSON each, in
which ripgrep, GNU grep and jq look for the same in the same turn; a peer that is not installed is
left out. "limit" is that file read once, from memory, in pieces of a mebibyte.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from rempart.core.clock import Micros, World
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.services.logging import segments
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.segment import SEGMENT_ENTRIES_MAX
from rempart.services.logging.query.moments import written
from rempart.services.logging.query.parser import parse
from rempart.services.logging.query.tree import Everything
from rempart.services.logging.search import Query, Source, search
from rempart.trust.custody.sealed import SealedEngine

COUNT = 1_000_000
BUCKET = BucketName("projects/lab:demo", "global", "_Default")
TURNS = 3
ONCE = frozenset(("jq",))
"""Peers so slow that one turn tells enough."""


@dataclass(frozen=True)
class Asked:
    """What is looked for: by Cloud Logging's filter, a regular expression for lines, and jq."""

    name: str
    filter: str
    line: str
    jq: str


QUESTIONS = (
    Asked(
        "severity, few match",
        "severity>=CRITICAL",
        '"severity":"(CRITICAL|ALERT|EMERGENCY)"',
        'select(.severity=="CRITICAL")',
    ),
    Asked(
        "principal and object",
        "protoPayload.authenticationInfo.principalEmail:p7@ protoPayload.resourceName:o999",
        'resourceName":"[^"]*o999".*"principalEmail":"p7@',
        'select((.protoPayload.resourceName|contains("o999"))'
        ' and (.protoPayload.authenticationInfo.principalEmail|contains("p7@")))',
    ),
    Asked(
        "regular expression that matches nothing",
        'protoPayload.resourceName=~"/o[0-9]+x$"',
        '"resourceName":"[^"]*/o[0-9]+x"',
        'select(.protoPayload.resourceName|test("/o[0-9]+x$"))',
    ),
    Asked(
        "text anywhere that is nowhere",
        '"no such text"',
        "no such text",
        'select(tostring|contains("no such text"))',
    ),
    Asked(
        "one insertId",
        "insertId=e00777777",
        '"insertId":"e00777777"',
        'select(.insertId=="e00777777")',
    ),
)
_START = 1_790_000_000_000_000_000
_STEP = 1_000_000


def entries(count: int) -> Iterator[Entry]:
    for at in range(count):
        method = ("get", "create", "delete", "list")[at % 7 % 4]
        yield Entry(
            _START + at * _STEP,
            {
                "logName": "projects/lab:demo/logs/cloudaudit.googleapis.com%2Fdata_access",
                "timestamp": written(_START + at * _STEP),
                "receiveTimestamp": written(_START + (at // 500) * 500 * _STEP),
                "severity": "CRITICAL" if at % 99_991 == 0 else "ERROR" if at % 50 == 0 else "INFO",
                "insertId": f"e{at:08d}",
                "resource": {
                    "type": "gcs_bucket",
                    "labels": {"bucket_name": f"b{at % 20}", "project_id": "lab:demo"},
                },
                "protoPayload": {
                    "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
                    "serviceName": "storage.googleapis.com",
                    "methodName": f"storage.objects.{method}",
                    "resourceName": f"projects/_/buckets/b{at % 20}/objects/o{at % 1009}",
                    "authenticationInfo": {"principalEmail": f"p{at % 19}@demo.lab.iam.example"},
                    "requestMetadata": {"callerIp": f"10.0.{at % 3}.{at % 200}"},
                    "authorizationInfo": [
                        {"permission": f"storage.objects.{method}", "granted": True}
                    ],
                },
            },
        )


async def fill(sealed: SealedEngine, lines: Path, count: int) -> None:
    """Write the entries as segments, and as lines of a file."""
    held: list[Entry] = []
    world = World()
    with lines.open("wb") as file:
        for number, entry in enumerate(entries(count), start=1):
            held.append(entry)
            file.write(msgspec.json.encode(entry.document) + b"\n")
            if len(held) == SEGMENT_ENTRIES_MAX or number == count:
                tx = sealed.transaction()
                segments.put(tx, BUCKET, held, Micros(number), world.random)
                await tx.commit()
                held = []


async def searched(sealed: SealedEngine, asked: Asked) -> tuple[float, float]:
    """Return how long a page takes, and how much processor time, in seconds."""
    query = Query(parse(asked.filter), newest_first=True, size=50)
    begun, used = time.perf_counter(), time.process_time()
    await search(sealed, [Source(BUCKET, Everything())], query)
    return time.perf_counter() - begun, time.process_time() - used


def peers(asked: Asked, lines: Path) -> dict[str, list[str]]:
    """Return the command of each peer that is installed."""
    commands = {
        "ripgrep": ["rg", "--no-config", "-j", "2", "-c", "-i", "-e", asked.line, str(lines)],
        "grep": ["grep", "-c", "-i", "-E", "-e", asked.line, str(lines)],
        "jq": ["jq", "-c", asked.jq, str(lines)],
    }
    return {name: command for name, command in commands.items() if shutil.which(command[0])}


def ran(command: list[str]) -> float:
    begun = time.perf_counter()
    # Into a pipe: what writes to nowhere may stop at the first match.
    subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return time.perf_counter() - begun


def read_once(lines: Path) -> float:
    begun = time.perf_counter()
    with lines.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
    return time.perf_counter() - begun


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def row(name: str, took: dict[str, list[float]]) -> str:
    """Return the median, and the least and greatest, of each column in milliseconds."""
    cells = (
        f"{median(some) * 1000:,.0f} [{min(some) * 1000:,.0f} to {max(some) * 1000:,.0f}]"
        for some in took.values()
    )
    return f"| {name} | {' | '.join(cells)} |"


async def compare(sealed: SealedEngine, lines: Path) -> None:
    """Let all take turns, and print a row for each question."""
    for number, asked in enumerate(QUESTIONS):
        took: defaultdict[str, list[float]] = defaultdict(list)
        for _ in range(TURNS):
            whole, used = await searched(sealed, asked)
            took["Rempart"].append(whole)
            took["of it processor"].append(used)
            for name, command in peers(asked, lines).items():
                if name not in ONCE or not took[name]:
                    took[name].append(ran(command))
            took["limit"].append(read_once(lines))
        if not number:
            print(f"| row (ms) | {' | '.join(took)} |")
            print(f"| --- |{' --- |' * len(took)}")
        print(row(asked.name, took), flush=True)


async def main(count: int) -> None:
    world = World()
    with tempfile.TemporaryDirectory() as folder:
        store, lines = Path(folder) / "store", Path(folder) / "lines"
        store.mkdir()
        engine = EmbeddedEngine.open(store, bytes(32))
        sealed = SealedEngine(engine, key=bytes(32), random=world.random)
        begun = time.process_time()
        await fill(sealed, lines, count)
        took = time.process_time() - begun
        print(
            f"{count:,} entries, {lines.stat().st_size / count:.0f} bytes each as lines,"
            f" {_size(store) / count:.0f} stored; {took / count * 1e6:.0f} µs of processor time"
            f" each to write; load before {os.getloadavg()[0]:.1f}"
        )
        await compare(sealed, lines)
        await engine.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
