"""Which process runs a data directory: a lock that dies with it, and a note of where it listens.

The lock is the truth. The note is for reading only; one left behind by a crash is ignored, because
nobody holds the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rempart import __version__, durable
from rempart.config import Address, ConfigProblem, address
from rempart.universe import Ready

NOTE_NAME = "run.json"
IN_USE_CODE = 75
"""EX_TEMPFAIL: the directory is in use; trying again later may succeed."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A universe that runs."""

    pid: int
    listen: Address
    http: Address
    started: float
    """Unix time in seconds."""
    version: str


@contextlib.contextmanager
def hold(data: Path) -> Iterator[None]:
    """Hold the data directory for this process alone, or raise `InUse`."""
    with durable.hold(data):
        (data / NOTE_NAME).unlink(missing_ok=True)
        yield
        (data / NOTE_NAME).unlink(missing_ok=True)


def note(data: Path, ready: Ready) -> None:
    """Write down where this process listens, for `rempart env` and `rempart status`."""
    content = {
        "pid": os.getpid(),
        "listen": str(ready.listen),
        "http": str(ready.http),
        "started": time.time(),
        "version": __version__,
    }
    temporary = data / (NOTE_NAME + ".new")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(data / NOTE_NAME)


def locked(data: Path) -> bool:
    """Return whether a process holds the data directory."""
    try:
        descriptor = os.open(data / durable.LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def running(data: Path) -> Instance | None:
    """Return the universe that runs on a data directory and is ready, if there is one."""
    if not locked(data):
        return None
    try:
        content = json.loads((data / NOTE_NAME).read_text(encoding="utf-8"))
        return Instance(
            pid=int(content["pid"]),
            listen=address(content["listen"], "listen"),
            http=address(content["http"], "http"),
            started=float(content["started"]),
            version=str(content["version"]),
        )
    except (OSError, ValueError, KeyError, TypeError, ConfigProblem):
        # It holds the lock and has not written its note yet: it is starting.
        return None
