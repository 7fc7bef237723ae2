"""Kills a witness at every line that it executes while it cosigns, and looks at what is left.

A process of its own, which forks: each child submits one root of a size and is killed -9 before its
Nth line; then the parent opens the record as a restarted witness does, and submits another root of
the same size. Writes one JSON line for each N.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import rempart
from rempart.core.clock import World
from rempart.tlog.submission import Submission
from rempart.witness.judge import Refusal
from rempart.witness.opened import open_data
from support.paper_log import PaperLog

WATCHED = tuple(
    str(Path(rempart.__file__).parent / name) for name in ("witness", "durable.py", "tlog/note.py")
)
OLD, SIZE = 5, 9


def cosigned(data: Path, submission: Submission) -> bool:
    """Open the witness, as at a start, and submit."""
    desk = open_data(data, World(), lambda: "").desk
    try:
        return bool(asyncio.run(desk.add_checkpoint(submission.encode())))
    except Refusal:
        return False


def killed_at(number: int, data: Path) -> tuple[bool, bool]:
    """Return whether a child was killed, and whether a cosignature had left it before."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_killed(number)
        if cosigned(data, PaperLog().submission(OLD, SIZE)):
            os.write(writing, b"cosigned")
        os._exit(0)
    os.close(writing)
    released = os.read(reading, 16) != b""
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), released


def _be_killed(number: int) -> None:
    steps = count(1)

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        if event == "line" and next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)


def main(data: Path, every: int) -> None:
    latest = data / "latest"
    cosigned(data, PaperLog().submission(0, OLD))
    (name,) = [path.name for path in latest.iterdir()]
    before = (latest / name).read_bytes()
    for number in count(1, every):
        for path in latest.iterdir():
            path.unlink()
        (latest / name).write_bytes(before)
        killed, released = killed_at(number, data)
        left = sorted(path.name for path in latest.iterdir())
        other = cosigned(data, PaperLog().forked(7).submission(OLD, SIZE))
        told = {"killed": killed, "released": released, "other": other, "left": left}
        sys.stdout.write(json.dumps(told) + "\n")
        if not killed:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
