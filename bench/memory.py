"""Resident memory, and processor time, of a process and all it started, as Linux counts it."""

from __future__ import annotations

import os
from pathlib import Path

PEAK_RESET = "5"
"""What tells Linux to forget a process's highest resident size (proc(5), clear_refs)."""


def family(pid: int) -> list[int]:
    """Return a process and everything below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue  # It ended while we looked.
            parent = int(stat.rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found.extend(parents.get(one, ()))
    return found


def resident(pid: int) -> int:
    """Return the bytes resident now."""
    return sum(_field(one, "VmRSS:") for one in family(pid))


def forget_peak(pid: int) -> None:
    """Let the peak begin anew."""
    for one in family(pid):
        Path(f"/proc/{one}/clear_refs").write_text(PEAK_RESET)


def peak(pid: int) -> int:
    """Return the sum of each process's highest resident size: not less than the true peak."""
    return sum(_field(one, "VmHWM:") for one in family(pid))


def _field(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)


def processor_seconds(pid: int) -> float:
    """Return how long the processes have run so far, in and for them."""
    ticks = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
