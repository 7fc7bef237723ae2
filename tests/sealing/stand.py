"""A universe with custodians, its shares, and how they are given."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from rempart.trust.custody.sealing import document, shares
from support.universe import REMPART, Universe, free_ports

COMMAND_SECONDS_MAX = 60
READY_SECONDS_MAX = 30


def command(*words: str | Path, lines: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `rempart` with these lines on its standard input."""
    return subprocess.run(
        [REMPART, *map(str, words)],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )


def unstarted(data: Path) -> Universe:
    """Return a universe on free ports, which `start` creates or opens."""
    listen, http = free_ports(2)
    return Universe(data, listen, http)


def words_in(directory: Path) -> list[str]:
    """Return the shares that were written there, by number."""
    return [path.read_text().strip() for path in sorted(directory.iterdir())]


def root_in(data: Path, words: list[str]) -> bytes:
    """Return the root that these shares open."""
    sealed = document.parse((data / "root.sealed").read_bytes())
    kek = shares.combine([shares.read(one) for one in words[: threshold(sealed)]])
    return document.unseal(sealed, kek)


def threshold(sealed: document.SealedRoot) -> int:
    """Return how many custodians open it."""
    assert isinstance(sealed.opened_by, document.Custodians)
    return sealed.opened_by.threshold


@dataclass
class Stand:
    data: Path
    universe: Universe
    words: list[str]

    @classmethod
    def create(cls, place: Path, quorum: str = "2/3") -> Stand:
        data = place / "data"
        made = command("init", "--data", data, "--seal", f"custodians:{quorum}",
                       "--shares-to", place / "shares")  # fmt: skip
        assert made.returncode == 0, made.stderr
        return cls(data, unstarted(data), words_in(place / "shares"))

    def unseal(self, *lines: str) -> subprocess.CompletedProcess[str]:
        return command("unseal", "--data", self.data, lines=lines)

    def open(self) -> None:
        """Give as many shares as are needed, and wait until requests are answered."""
        for words in self.words:
            if self.unseal(words).stdout == "The universe is unsealed.\n":
                break
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while self.health().status_code != 200:
            assert time.monotonic() < deadline, self.universe.log()
            time.sleep(0.05)

    def health(self) -> httpx.Response:
        return httpx.get(f"{self.universe.plain_url}/healthz", trust_env=False)
