"""Figures and ratios, as Markdown."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One server in one row: a value for each run, in the row's unit."""

    row: str
    unit: str
    server: str
    runs: tuple[float, ...]
    busy: float
    """The machine's load average (1 minute) just before."""


def keep(path: Path, found: Sequence[Figure]) -> None:
    """Add figures to a file, one a line."""
    with path.open("a") as file:
        file.writelines(json.dumps(dataclasses.asdict(one)) + "\n" for one in found)


def kept(path: Path) -> list[Figure]:
    """Return the figures of a file; of two for one server in one row the later counts."""
    found: dict[tuple[str, str], Figure] = {}
    for line in path.read_text().splitlines():
        fields = json.loads(line)
        one = Figure(**fields | {"runs": tuple(fields["runs"])})
        found[one.row, one.server] = one
    return list(found.values())


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return the median, and between brackets the least and the greatest."""
    low, middle, high = (
        f"{_rounded(value, digits):,g}"
        for value in (min(values), statistics.median(values), max(values))
    )
    return middle if len(values) == 1 else f"{middle} [{low} to {high}]"


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def figures(found: Sequence[Figure], servers: Sequence[str]) -> str:
    """Return what each server did, row by row."""
    by_row = _by_row(found)
    lines = []
    for (row, unit), made in by_row.items():
        cells = [spread(made[name].runs) if name in made else "" for name in servers]
        busy = max(one.busy for one in made.values())
        lines.append([row, unit, *cells, f"{busy:.1f}"])
    return table(["row", "unit", *servers, "load before"], lines)


def ratios(found: Sequence[Figure], pairs: Sequence[tuple[str, str]]) -> str:
    """Return ours ÷ theirs, run by run: above 1, ours is ahead."""
    lines = []
    for (row, _), made in _by_row(found).items():
        cells = []
        for ours, theirs in pairs:
            both = ours in made and theirs in made
            values = zip(made[ours].runs, made[theirs].runs, strict=False) if both else ()
            divided = [mine / other for mine, other in values if other]
            cells.append(spread(divided, 2) if divided else "")
        if any(cells):
            lines.append([row, *cells])
    return table(["row", *(f"{ours} ÷ {theirs}" for ours, theirs in pairs)], lines)


def _by_row(found: Sequence[Figure]) -> dict[tuple[str, str], dict[str, Figure]]:
    rows: dict[tuple[str, str], dict[str, Figure]] = {}
    for one in found:
        rows.setdefault((one.row, one.unit), {})[one.server] = one
    return rows


def machine() -> str:
    """Return processors, memory and system in one line."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return (
        f"{day}; {os.cpu_count()} processors, {model}; {memory:.0f} GiB; {platform.system()} "
        f"{platform.release()}; Python {platform.python_version()}"
    )
