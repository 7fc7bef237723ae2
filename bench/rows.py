"""The rows of the table: what is asked of a server, and how the answer is counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import load, streams
from bench.dialects import BUCKET
from bench.peers import Target

KIB, MIB = 1 << 10, 1 << 20
HEADS_MAX = 20_000
SMALL_STORED, MIDDLE_STORED = 2000, 64
LISTED = 10_000


@dataclass(slots=True)
class Scale:
    """How long and how large; a smoke test makes all of it small."""

    seconds: float = 2.5
    large_bytes: int = 1 << 30
    """Of one stream; several share it."""
    runs: int = 3
    many_objects: int = 1_000_000
    round: int = 0
    """Grows with every measurement, so that a PUT never meets a name that is there."""
    filled: set[tuple[str, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Row:
    """One line: `measure` returns operations or bytes per second."""

    name: str
    unit: str
    measure: Callable[[Target, Scale], float]
    scale: float = 1.0


def requests(large_bytes: int) -> tuple[Row, ...]:
    """Return the rows that every server is measured in; a list where it has one."""
    small = tuple(
        Row(
            f"{verb} 4 KiB, {count} connection{'s' if count > 1 else ''}",
            "/s",
            work(4 * KIB, count),
        )
        for verb, work in (("PUT", puts), ("GET", gets))
        for count in (1, 16, 64)
    )
    middle = tuple(
        Row(f"{verb} 1 MiB, 16 connections", "MB/s", work(MIB, 16), 1e-6 * MIB)
        for verb, work in (("PUT", puts), ("GET", gets))
    )
    large = tuple(
        Row(
            f"{verb} {_size(large_bytes // count)}, {count} stream{'s' if count > 1 else ''}",
            "GB/s",
            work(count),
            1e-9,
        )
        for count in (1, 4)
        for verb, work in (("PUT", _uploads), ("GET", _downloads))
    )
    list_ = Row(f"list 1,000 of {LISTED:,}", "pages/s", _lists)
    return (*small, *middle, list_, *large)


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count % (1 << 30) else f"{count >> 30} GiB"


def puts(size: int, connections: int) -> Callable[[Target, Scale], float]:
    body = os.urandom(size)

    def measure(target: Target, scale: Scale) -> float:
        scale.round += 1
        count = HEADS_MAX if size < MIB else 2000
        names = (f"put/{scale.round}/{index:06d}" for index in range(count))
        heads = [target.dialect.put(name, size) for name in names]
        return load.rate(target.place, load.Load(heads, body, connections, scale.seconds))

    return measure


def gets(size: int, connections: int) -> Callable[[Target, Scale], float]:
    body = os.urandom(size)

    def measure(target: Target, scale: Scale) -> float:
        count = SMALL_STORED if size < MIB else MIDDLE_STORED
        names = [f"get/{size}/{index:05d}" for index in range(count)]
        if (target.name, size) not in scale.filled:
            load.each(target.place, [target.dialect.put(name, size) for name in names], body)
            scale.filled.add((target.name, size))
        heads = [target.dialect.get(name) for name in names]
        wanted = load.Load(heads, b"", connections, scale.seconds, answer_bytes=size)
        return load.rate(target.place, wanted)

    return measure


def _lists(target: Target, scale: Scale) -> float:
    # Names before all others of the bucket, so that the page is the same whatever ran before.
    names = [f"a-list/{index:06d}" for index in range(LISTED)]
    if (target.name, 0) not in scale.filled:
        heads = [target.dialect.put(name, 100) for name in names]
        load.each(target.place, heads, b"x" * 100)
        scale.filled.add((target.name, 0))
    head = target.dialect.list(BUCKET, names[LISTED // 2])
    return load.rate(target.place, load.Load([head], b"", 1, scale.seconds)) if head else 0.0


def _uploads(count: int) -> Callable[[Target, Scale], float]:
    def measure(target: Target, scale: Scale) -> float:
        size = scale.large_bytes // count
        heads = [target.dialect.put(f"large/{count}/{index}", size) for index in range(count)]
        return streams.upload(target.place, heads, size)

    return measure


def _downloads(count: int) -> Callable[[Target, Scale], float]:
    def measure(target: Target, scale: Scale) -> float:
        heads = [target.dialect.get(f"large/{count}/{index}") for index in range(count)]
        return streams.download(target.place, heads, scale.large_bytes // count)

    return measure
