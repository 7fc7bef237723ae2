"""A program whose log two real witnesses cosign, and what its public site says of that."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.keys import VerifierKey
from rempart.tlog.note import Note, parse_note
from rempart.tlog.policy import Log, Policy, Witness, parse_policy, quorum_of
from support.witness_program import WitnessProgram

SECONDS_MAX = 20
Pair = tuple[WitnessProgram, WitnessProgram]


@contextlib.contextmanager
def two_witnesses(folder: Path) -> Iterator[Pair]:
    """Give two witnesses, which do not run yet, and end them."""
    for name in ("w1", "w2"):
        (folder / name).mkdir()
    first, second = (
        WitnessProgram.create(folder / f"w{n}" / "data", f"w.example/{n}") for n in (1, 2)
    )
    try:
        yield first, second
    finally:
        first.stop()
        second.stop()


@dataclass
class Witnessed(ABC):
    """A program that is to have both witnesses' cosignatures."""

    pair: Pair

    @property
    @abstractmethod
    def data(self) -> Path: ...

    @abstractmethod
    def key(self) -> VerifierKey: ...

    @abstractmethod
    def restart(self) -> None: ...

    @abstractmethod
    def get(self, path: str) -> httpx.Response:
        """Return the answer for a path of the log's site."""

    @abstractmethod
    def entry(self) -> int:
        """Make an entry, and return its index."""

    @abstractmethod
    def output(self) -> str:
        """Return what it said, for a test that fails."""

    @property
    def policy_file(self) -> Path:
        return self.data / "log-policy"

    @property
    def policy(self) -> Policy:
        return parse_policy(self.policy_file.read_bytes())

    def introduce(self) -> None:
        """Let both witnesses run and know the log."""
        self.known()
        for one in self.pair:
            one.start()

    def known(self) -> None:
        """Tell both witnesses of the log."""
        for one in self.pair:
            one.run("add-log", self.key().text)

    def demand(self) -> None:
        """Have the program demand both, where they are now."""
        certificates = self.data / "log-witnesses"
        certificates.mkdir(exist_ok=True)
        for n, one in enumerate(self.pair):
            (certificates / f"w{n}.pem").write_text(one.certificate)
        known = [Witness(b"w%d" % n, one.keys[0], one.url) for n, one in enumerate(self.pair)]
        self.policy_file.write_bytes(quorum_of([Log(self.key())], known, 2).encode())
        self.take_up()

    def take_up(self) -> None:
        """Have the program use the policy that was written."""
        self.restart()

    def note(self) -> Note:
        return parse_note(self.get("checkpoint").raise_for_status().content)

    def size(self) -> int:
        """Return how many entries are under the published checkpoint; 0 without one."""
        answer = self.get("checkpoint")
        return parse_checkpoint(parse_note(answer.content).text).size if answer.is_success else 0

    def faults(self) -> list[str]:
        return sorted(one["fault"] for one in self.get("witnesses").json()["witnesses"])

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while not holds():
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)
