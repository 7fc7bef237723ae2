"""Proof, shown: a customer, an operator, a witness and an auditor, each with what is theirs.

`python -m bench.demo_proof` has a support access asked for, refused, approved, used and ended; then
the operator, with root and every key of the universe, tampers in five ways, and the auditor's
laptop finds each. It ends with exit code 1 where anything is not as it is promised, and leaves
nothing behind.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
from rich.console import Console

from bench import tampering
from bench.log_witness import witnessed
from bench.proof_parties import BUCKET, CONTENT, READY_SECONDS_MAX, Auditor, Customer, Staff, typed
from bench.tampering import HONEST
from bench.universe import Broken, Universe, free_ports, temporary_universe

REFUSED, OK = 403, 200
WRONG, UNTOLD = 1, 2


@dataclass
class Demo:
    """All parties, what the auditor was given, and what is said on the way."""

    universe: Universe
    customer: Customer
    staff: Staff
    auditor: Auditor
    console: Console
    bundle: Path = Path("proof.zip")
    older: Path = Path("older")
    kept: Path = Path("checkpoint")
    requests: list[str] = field(default_factory=list)

    def say(self, what: str) -> None:
        self.console.print(f"  {what}", markup=False, highlight=False)

    def title(self, what: str) -> None:
        self.console.print(f"\n{what}", style="bold", markup=False, highlight=False)

    def expect_read(self, status: int) -> None:
        """Let Ada try to read; raises `Broken` unless she is answered so."""
        answer = self.staff.read()
        if answer.status_code != status or (CONTENT in answer.content) != (status == OK):
            raise Broken(f"Ada was answered {answer.status_code}: {answer.text[:200]}")
        said = "reads it" if status == OK else answer.json()["error"]["message"]
        self.say(f"Ada, of the operator's staff: {answer.status_code}, {said}")


def witness(demo: Demo) -> None:
    """A witness in other hands; an auditor who keeps a policy of their own"""
    demo.customer.prepare()
    demo.staff.employ()
    shutil.copy(demo.universe.data / "log-policy", demo.auditor.policy)
    first = _until_published(demo, "first")
    demo.say(f"the auditor keeps the policy and a checkpoint: {_head(first)}")


def refuse(demo: Demo) -> None:
    """The operator's staff reach nothing, whatever rights they could give themselves"""
    demo.expect_read(REFUSED)
    name = demo.staff.ask("case-1")
    demo.customer.decide("dismiss", name)
    demo.say(f"asked as {name}; the customer dismisses it")
    demo.expect_read(REFUSED)
    demo.universe.stop()
    demo.older = demo.universe.home / "older"
    shutil.copytree(demo.universe.data, demo.older, ignore=_passing)
    demo.universe.start()


def approve(demo: Demo) -> None:
    """Asked again, approved, used, ended"""
    name = demo.staff.ask("case-2")
    demo.customer.decide("approve", name)
    demo.requests.append(name)
    demo.say(f"{name} is approved by the customer")
    demo.expect_read(OK)
    demo.customer.decide("invalidate", name)
    demo.say("the customer ends it")
    demo.expect_read(REFUSED)


def prove(demo: Demo) -> None:
    """The customer has it all in one file, and the auditor's laptop reads who touched what"""
    demo.bundle = demo.auditor.home / "proof.zip"
    demo.customer.say("proof", "fetch", "--out", str(demo.bundle))
    demo.kept = _until_published(demo, "kept")
    code, said = demo.auditor.verify(demo.bundle, "--policy", demo.auditor.policy)
    if code:
        raise Broken(f"An untouched log does not verify: {said}")
    _, told = demo.auditor.verify(
        demo.bundle, "--policy", demo.auditor.policy, "--report", "--resource", f"gs://{BUCKET}"
    )
    if demo.requests[0] not in told or "ada-staff" not in told:
        raise Broken(f"The report does not tell of the access: {told}")
    demo.say(told.rstrip().replace("\n", "\n  "))


def tamper(demo: Demo) -> None:
    """The operator tampers, as root and with every key of the universe, on copies of the store"""
    ways: tuple[Callable[[Path], None], ...] = (
        tampering.erase,
        tampering.rewrite,
        tampering.cut,
        partial(tampering.put_back, older=demo.older),
        tampering.fork,
    )
    demo.universe.stop()
    for number, way in enumerate(ways, start=1):
        named = way.func if isinstance(way, partial) else way
        demo.say(f"{number}. {named.__doc__}")
        copy = _copied(demo.universe, demo.universe.home / f"copy-{number}")
        way(copy.data)
        for line in _found(demo, copy):
            demo.say(f"   {line}")


STEPS = (witness, refuse, approve, prove, tamper)


def _found(demo: Demo, copy: Universe) -> list[str]:
    """Have a tampered universe serve, and the auditor look; raises `Broken` for what passes."""
    try:
        copy.start()
    except Broken as problem:
        return [f"it does not start: {_last(str(problem))}"]
    bundle = demo.auditor.home / f"{copy.home.name}.zip"
    try:
        copy.environment["REMPART_URL"] = copy.plain_url
        fetch = ("proof", "fetch", "--wait", "5", "--out", str(bundle))
        said = typed(fetch, copy.environment, None)
        if not bundle.exists():
            asked = ("log", "witnesses", "--data", str(copy.data))
            seen = typed(asked, copy.environment, None)
            return [f"no proof can be had: {_last(said)}", _last(seen)]
    finally:
        copy.stop()
    policy = ("--policy", demo.auditor.policy)
    code, said = demo.auditor.verify(bundle, *policy, "--checkpoint", demo.kept)
    found = [line for line in said.splitlines() if line.startswith(("BAD", "??"))]
    if code == 0:
        code, said = demo.auditor.verify(demo.bundle, bundle, *policy)
        found = [line for line in said.splitlines() if line.startswith(("BAD", "??"))]
    if code not in {WRONG, UNTOLD} or not found:
        raise Broken(f"The auditor found nothing: {said}")
    if HONEST in said:
        raise Broken(f"The auditor believes the forgery: {said}")
    return found[:3]


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing is answered"


def _until_published(demo: Demo, name: str) -> Path:
    """Keep a checkpoint that covers what was done until now, once the witness saw it."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    wanted = json.loads(demo.universe.run("log", "witnesses", "--json"))["size"]
    while _size(path := demo.auditor.keep(demo.universe, name)) < wanted:
        if time.monotonic() > deadline:
            raise Broken("No checkpoint is published.")
        time.sleep(0.1)
    return path


def _size(path: Path) -> int:
    return int(path.read_text().splitlines()[1])


def _head(path: Path) -> str:
    lines = path.read_text().splitlines()
    signed = sum(line.startswith("— ") for line in lines)
    return f"{lines[0]}, {lines[1]} entries, {signed} signatures"


def _passing(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "run.json" or name.endswith(".sock")]


def _copied(universe: Universe, home: Path) -> Universe:
    home.mkdir()
    shutil.copytree(universe.data, home / "data", ignore=_passing)
    listen, http = free_ports(2)
    return Universe(home, listen, http)


def main() -> int:
    """Run the demonstration and return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    begun = time.perf_counter()
    try:
        with temporary_universe() as universe, tempfile.TemporaryDirectory() as laptop:
            universe.start()
            auditor = Auditor(Path(laptop))
            demo = Demo(
                universe, Customer(universe), Staff(universe, universe.home), auditor, console
            )
            with witnessed(universe):
                for number, step in enumerate(STEPS, start=1):
                    demo.title(f"{number}. {step.__doc__}")
                    step(demo)
    except (Broken, httpx.HTTPError, subprocess.SubprocessError, OSError) as problem:
        print(f"The demonstration failed: {problem}", file=sys.stderr)
        return 1
    print(f"\nAll of it was as promised. {time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
