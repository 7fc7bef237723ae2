"""Kills a key holder's sequencer at every line that it executes, and looks at what is left.

A process of its own, which forks: each child takes up new entries, signs and publishes, and is
killed -9 before its Nth line; then the parent goes on as a restarted manager does. Writes one JSON
line for each N: the checkpoints that left the child, and the one that was published afterwards.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from click.testing import CliRunner

import rempart
from rempart.cosigners.asking import Cosigned, Enough
from rempart.cosigners.quorum import Prove, Quorum
from rempart.ekm.cli.log import command
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.note import Note
from rempart.tlog.policy import Log, quorum_of
from support.held_log import KEY, HeldLog

WATCHED = tuple(
    str(Path(rempart.__file__).parent / name)
    for name in ("ekm/tree", "ekm/record/following.py", "durable.py", "cosigners")
)


TIMES = 4
"""How often a line counts: each hash that is looked at in a loop is not another way to die."""


class Shown:
    """A witness that writes down what it is shown, in the pipe that outlives the child."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    async def cosign(self, note: Note, prove: Prove, *, enough: Enough | None = None) -> Cosigned:
        seen = parse_checkpoint(note.text)
        await prove(seen.size - 1)
        os.write(self._pipe, json.dumps([seen.size, seen.root.hex()]).encode() + b"\n")
        return Cosigned((), ())


async def _two_steps(held: HeldLog, pipe: int) -> None:
    sequencer = held.sequencer(Quorum(quorum_of([Log(KEY)], (), 0), (), Shown(pipe)))
    await sequencer.step()
    await held.append(1, says="between")
    await sequencer.step()


def killed_at(number: int, held: HeldLog) -> tuple[bool, list[Any]]:
    """Return whether a child was killed, and what had left it before."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_killed(number)
        asyncio.run(_two_steps(held, writing))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        shown = [json.loads(line) for line in lines]
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), shown


def _be_killed(number: int) -> None:
    steps, seen = count(1), Counter[tuple[str, int]]()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        if event == "line":
            place = frame.f_code.co_filename, frame.f_lineno
            seen[place] += 1
            if seen[place] <= TIMES and next(steps) == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)


def main(data: Path, every: int) -> None:
    first = HeldLog(data / "first")
    asyncio.run(first.append(255))
    asyncio.run(first.published())
    asyncio.run(first.append(3))
    for number in count(1, every):
        shutil.copytree(first.data, data / "killed")
        held = HeldLog(data / "killed")
        killed, shown = killed_at(number, held)
        asyncio.run(held.append(1, says="between"))
        after = asyncio.run(held.published())
        checked = CliRunner().invoke(command, ["--verify", "--data", str(held.data)])
        told = {
            "killed": killed,
            "shown": shown,
            "after": [[after.size, after.root.hex()]],
            "verifies": checked.exit_code == 0,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        shutil.rmtree(held.data)
        if not killed:
            return


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(exist_ok=True)
    (Path(sys.argv[1]) / "first").mkdir()
    main(Path(sys.argv[1]), int(sys.argv[2]))
