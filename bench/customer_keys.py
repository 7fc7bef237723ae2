"""Small objects under customers' keys, beside the universe's own encryption in the same run."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import ours, softhsm
from bench.dialects import JSONStorage
from bench.key_holder import key_holder
from bench.parties import SPACE, Parties, caller
from bench.peers import Target
from bench.report import Figure
from bench.rows import KIB, Row, Scale, gets, puts
from bench.universe import temporary_universe

CONNECTIONS = 16
LEASE_SECONDS = 60
DEFAULT = "default"
LEASED = f"external, lease {LEASE_SECONDS} s"
KEYS = ("software", "HSM", "external, no lease", LEASED)
PAIRS = tuple((name, DEFAULT) for name in KEYS)
WORDS = "under keys"
BLOCKED = f"block at the key holder's to the first refused read, {WORDS}"
ROWS = (
    Row(f"GET 4 KiB {WORDS}, {CONNECTIONS} connections", "/s", gets(4 * KIB, CONNECTIONS)),
    Row(f"PUT 4 KiB {WORDS}, {CONNECTIONS} connections", "/s", puts(4 * KIB, CONNECTIONS)),
)


def customer_keys(scale: Scale, under: Path) -> Iterator[Figure]:
    """Measure the rows under each kind of key, in turns."""
    with temporary_universe(under) as universe, key_holder(universe.home) as holder:
        universe.start()
        if softhsm.installed():
            softhsm.give(universe)
        parties = Parties(universe, holder)
        parties.introduce()
        servers = _servers(parties)
        for row in ROWS:
            yield from _figures(row, servers, scale)
        yield _block(parties, scale)


def _servers(parties: Parties) -> Sequence[Target]:
    """Return one target a key: the same universe, another bucket."""
    universe = parties.universe
    keys = {"software": parties.own_key("software", "SOFTWARE")}
    if softhsm.installed():
        keys["HSM"] = parties.own_key("hsm", "HSM")
    keys["external, no lease"] = parties.external_key("unleased")
    keys[LEASED] = parties.external_key("leased")
    parties.holder.decide("cache", f"{SPACE}/keys/leased", str(LEASE_SECONDS))
    ours.make_bucket(universe)
    plain, _ = ours.targets(universe)
    servers = [dataclasses.replace(plain, name=DEFAULT)]
    for number, (name, key) in enumerate(keys.items()):
        bucket = f"bench-{number}"
        parties.bucket(bucket, key)
        dialect = JSONStorage(universe.token(), bucket)
        servers.append(dataclasses.replace(plain, name=name, dialect=dialect))
    return servers


def _figures(row: Row, servers: Sequence[Target], scale: Scale) -> Iterator[Figure]:
    runs: dict[str, list[float]] = {}
    busy = ours.busyness()
    for _ in range(scale.runs):
        for server in servers:
            os.sync()
            runs.setdefault(server.name, []).append(row.measure(server, scale))
    for name, values in runs.items():
        yield Figure(row.name, row.unit, name, tuple(values), busy)


def _block(parties: Parties, scale: Scale) -> Figure:
    """Measure from the moment a block is in force to the first read that is refused."""
    busy, taken = ours.busyness(), []
    parties.bucket("blocked", parties.external_key("blocked"))
    with caller(parties.universe) as asking:
        target = "/storage/v1/b/blocked/o/o?alt=media"
        put = "/upload/storage/v1/b/blocked/o?uploadType=media&name=o"
        asking.post(put, content=b"x").raise_for_status()
        for _ in range(scale.runs):
            asking.get(target).raise_for_status()
            parties.holder.signed("block")
            begun = time.perf_counter()
            while asking.get(target).is_success:
                pass
            taken.append(time.perf_counter() - begun)
            parties.holder.unblock()
    return Figure(BLOCKED, "s", "external, no lease", tuple(taken), busy)
