"""Forks a workload per fault: everything is loaded once, each child starts in a few milliseconds.

Reads one JSON task a line and answers one JSON line. Started with the shim preloaded.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from faults.operations import chosen
from faults.seeded import plant
from faults.workload import work

CHILD_SECONDS_MAX = 60


def main() -> None:
    shim = ctypes.CDLL(None)
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(shim, task)
        code = _wait(child)
        sys.stdout.write(json.dumps({"code": code}) + "\n")
        sys.stdout.flush()


def _child(shim: ctypes.CDLL, task: dict[str, str | int]) -> None:
    data, seed = str(task["data"]), int(task["seed"])
    said = os.open(str(task["said"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    errors = os.open(str(task["said"]) + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(said, 1)
    os.dup2(errors, 2)
    names = -1
    if task.get("names"):
        names = os.open(str(task["names"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    plant(str(task.get("bug", "")))
    code = 70
    try:
        shim.fault_arm(data.encode(), str(task["mode"]).encode(), int(task["at"]), names)
        asyncio.run(work(Path(data), seed, chosen(seed, int(task["count"]))))
        code = 0
    except BaseException as problem:  # noqa: BLE001 - the disk failed; what was said is the result
        os.write(2, f"{type(problem).__name__}: {problem}\n".encode())
    finally:
        os._exit(code)


def _wait(child: int) -> int:
    """Return the exit code, negative for a signal; a child that hangs is killed."""
    handle = os.pidfd_open(child)
    try:
        ready, _, _ = select.select([handle], [], [], CHILD_SECONDS_MAX)
        if not ready:
            os.kill(child, signal.SIGABRT)
            time.sleep(0.1)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(handle)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
