"""`python -m faults.workload DATA SEED COUNT [leave]`: works on a universe, and says what it hears.

`BEGIN n name {"changes": …}` comes before an operation, then one of
`ACK n name {"changes": …, "receipt": …}`: answered with success, so it must hold from now on;
`MAYBE …`: answered 503, so it may hold or not; `REFUSED …`: answered otherwise, so it must not.
`FENCED` says that the engine ended all writing. Each line is one write call: what was said is in
the pipe, whatever happens to the process.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from faults.book import DONE, MAYBE, REFUSED, State
from faults.check import stands
from faults.cloud import Answer, opened
from faults.operations import Operation, chosen
from faults.seeded import plant
from faults.stand import Stand, Step

RECEIPT = "x-rempart-receipt"
SUCCESSES = frozenset((200, 204, 308))


def say(word: str, number: int, name: str, changes: State, receipt: str = "") -> None:
    document = json.dumps({"changes": changes, "receipt": receipt})
    os.write(1, f"{word} {number} {name} {document}\n".encode())


async def work(
    data: Path, seed: int, operations: Sequence[Operation], *, leave: bool = False
) -> None:
    """Run the operations one after another; `leave` ends the process without closing anything."""
    stand = Stand(random.Random(seed))
    async with opened(data, seed, on_fenced=_fenced) as cloud:
        for number, operation in enumerate(operations):
            step = operation(stand)
            if step is None:
                continue
            name = operation.__name__
            say("BEGIN", number, name, step.changes)
            answer = await step.do(cloud)
            outcome, changes = judged(step, answer)
            if outcome == DONE or (outcome == MAYBE and await stands(cloud, changes)):
                stand.state |= changes
            say(outcome, number, name, changes, answer.headers.get(RECEIPT, ""))
        if leave:
            os._exit(0)
    os.write(1, b"END\n")


def _fenced(_reason: str) -> None:
    os.write(1, b"FENCED\n")


def judged(step: Step, answer: Answer) -> tuple[str, State]:
    """Return what an answer says: whether it was done, and everything that it changed."""
    if answer.status in SUCCESSES and not answer.cut:
        changes = dict(step.changes)
        for key, value in (step.told(answer) if step.told else {}).items():
            changes[key] = (changes.get(key) or {}) | (value or {})
        return DONE, changes
    unsure = answer.status in {500, 503} or answer.cut
    return (MAYBE if unsure else REFUSED), step.changes


if __name__ == "__main__":
    plant(os.environ.get("FAULTS_BUG", ""))
    if "FAULTS_NAMES" in os.environ:
        _names = os.open(os.environ["FAULTS_NAMES"], os.O_WRONLY | os.O_CREAT, 0o600)
        ctypes.CDLL(None).fault_arm(sys.argv[1].encode(), b"count", 0, _names)
    _seed = int(sys.argv[2])
    _operations = chosen(_seed, int(sys.argv[3]))[: int(sys.argv[3])]
    asyncio.run(work(Path(sys.argv[1]), _seed, _operations, leave="leave" in sys.argv))
