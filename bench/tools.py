"""The clients of the demonstration, each as it comes, driven by its command line.

A client is told nothing but what `rempart env` exports. What it prints for each file it moves is
what the progress bar counts.
"""

from __future__ import annotations

import collections
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.universe import Broken

MOVED = re.compile(rb"Copying |Removing |Copied |: Deleted", re.IGNORECASE)
OUTPUT_LINES_KEPT = 20
Words = tuple[str, ...]
Tick = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Tool:
    """One client; `{here}` and `{there}` stand for a local path and an address in the cloud."""

    name: str
    program: Words
    up: Words
    down: Words
    names: Words
    copy: Words
    remove: Words
    url: str = "gs://{}"

    def address(self, path: str) -> str:
        """Return how this client names `bucket/path`."""
        return self.url.format(path)

    def words(self, verb: Words, here: str, there: str) -> list[str]:
        """Return the whole command line of a verb."""
        return [*self.program, *(word.format(here=here, there=there) for word in verb)]


def present(wanted: list[str]) -> tuple[dict[str, Tool], list[str]]:
    """Return the wanted clients (all, where none is named) that are installed; name the others."""
    found, absent = {}, []
    for tool in _tools():
        if wanted and tool.name not in wanted:
            continue
        path = shutil.which(tool.program[0])
        if path is None:
            absent.append(tool.name)
        else:
            found[tool.name] = tool
    return found, absent


def _tools() -> tuple[Tool, ...]:
    library = (sys.executable, "-m", "bench.python_library")
    rclone = ("--config", "/dev/null", "--gcs-bucket-policy-only", "--gcs-no-check-bucket")
    return (
        Tool(
            "gcloud storage",
            ("gcloud", "storage"),
            up=("rsync", "-r", "{here}", "{there}"),
            down=("rsync", "-r", "{there}", "{here}"),
            names=("ls", "{there}/**"),
            copy=("cp", "-r", "{here}", "{there}"),
            remove=("rm", "-r", "{there}/**"),
        ),
        Tool(
            "gsutil -m",
            ("gsutil", "-m"),
            up=("rsync", "-r", "{here}", "{there}"),
            down=("rsync", "-r", "{there}", "{here}"),
            names=("ls", "{there}/**"),
            copy=("cp", "-r", "{here}", "{there}"),
            remove=("rm", "-r", "{there}/**"),
        ),
        Tool(
            "Python library",
            library,
            up=("put", "{here}", "{there}"),
            down=("get", "{there}", "{here}"),
            names=("list", "{there}/"),
            copy=(),
            remove=("rm", "{there}/"),
        ),
        Tool(
            "rclone",
            ("rclone", *rclone, "-v", "--stats=0", "--transfers=8", "--checkers=8"),
            up=("copy", "{here}", "{there}"),
            down=("copy", "{there}", "{here}"),
            names=("lsf", "-R", "--files-only", "{there}"),
            copy=("copy", "{here}", "{there}"),
            remove=("delete", "{there}"),
            url=":gcs:{}",
        ),
    )


def run(words: list[str], environment: dict[str, str], cwd: Path, tick: Tick) -> int:
    """Run a client, count what it moves, and return how many lines it printed.

    Raises `Broken` with the last of those lines where it ends with an error.
    """
    tail: collections.deque[bytes] = collections.deque(maxlen=OUTPUT_LINES_KEPT)
    lines = 0
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=cwd
    ) as process:
        if process.stdout is None:
            raise Broken("A pipe was asked for and is not there.")
        for line in process.stdout:
            tail.append(line)
            lines += 1
            tick(len(MOVED.findall(line)))
    if process.returncode:
        printed = b"".join(tail).decode(errors="replace")
        raise Broken(f"{' '.join(words)}: exit code {process.returncode}\n{printed}")
    return lines
