"""How long `entries.list` searches a million entries: `python -m bench.logs [COUNT]`.

The entries are made like those of an audit log: some thousand objects, twenty principals, some
refusals. They are written as segments into an embedded engine on this disk, and searched as the
API does it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

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
FILTERS = (
    ("none: the newest page", ""),
    ("severity, few match", "severity>=CRITICAL"),
    (
        "principal and method",
        "protoPayload.authenticationInfo.principalEmail:p7@ protoPayload.resourceName:o999",
    ),
    ("regular expression that matches nothing", 'protoPayload.resourceName=~"/o[0-9]+x$"'),
    ("text anywhere that is nowhere", '"no such text"'),
    ("one insertId", "insertId=e00777777"),
)
_START = 1_790_000_000_000_000_000
_STEP = 1_000_000


def entries(count: int) -> Iterator[Entry]:
    for at in range(count):
        method = ("get", "insert", "delete", "list")[at % 7 % 4]
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


async def fill(sealed: SealedEngine, count: int) -> None:
    held: list[Entry] = []
    world = World()
    for number, entry in enumerate(entries(count), start=1):
        held.append(entry)
        if len(held) == SEGMENT_ENTRIES_MAX or number == count:
            tx = sealed.transaction()
            segments.put(tx, BUCKET, held, Micros(number), world.random)
            await tx.commit()
            held = []


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


async def main(count: int) -> None:
    world = World()
    with tempfile.TemporaryDirectory() as folder:
        engine = EmbeddedEngine.open(Path(folder), bytes(32))
        sealed = SealedEngine(engine, key=bytes(32), random=world.random)
        begun = time.perf_counter()
        await fill(sealed, count)
        took = time.perf_counter() - begun
        size = _size(Path(folder))
        print(f"{count:,} entries: built in {took:.1f} s, {size / count:.0f} bytes an entry")
        for name, filter_ in FILTERS:
            query = Query(parse(filter_), newest_first=True, size=50)
            begun = time.perf_counter()
            found, more = await search(sealed, [Source(BUCKET, Everything())], query)
            took = time.perf_counter() - begun
            print(f"{name}: {len(found)}{'+' if more else ''} found, {took * 1000:.0f} ms")
        await engine.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
