"""What the command line asks of a universe: the contract between `cli` and `app`.

`app` fills it in and `__main__` hands it over, so that the command line never imports the wiring.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rempart.config import Address, Config
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.sealing.door import SealState
from rempart.trust.custody.sealing.seam import Elsewhere
from rempart.verifier.checks import Asked


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a started universe listens: real ports, never 0."""

    listen: Address
    http: Address


class Listener(Protocol):
    """Who is told how a universe comes up."""

    def sealed(self, where: Ready, state: SealState) -> None:
        """Hear that the doors are open and the universe waits for shares."""

    def ready(self, where: Ready) -> None:
        """Hear that requests are answered."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that verification looked at, and what it found.

    `undecided` says what cannot be told from what is there: that is not wrong, and not right.
    """

    name: str
    ok: bool
    detail: str
    undecided: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Everything that verification looked at; nothing checked is not a success.

    `notes` say what it could not look at, and decide nothing.
    """

    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether there was something to check and nothing was wrong."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def decided(self) -> bool:
        """Return whether all of it could be told."""
        return not any(check.undecided for check in self.checks)


@dataclass(frozen=True, slots=True)
class LeftOverKey:
    """A key of this universe in the token that no key version refers to."""

    id: str
    label: str
    removed: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question to an API that changes nothing, as REST has it; `api` is such as `cloudasset`."""

    api: str
    verb: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, object] = field(default_factory=dict)


class NoAnswer(Exception):  # noqa: N818 - it is named for what it is
    """A question that was refused; the text is for the reader."""


Ask = Callable[[Question], Awaitable[dict[str, Any]]]
"""Returns the answer's document; raises NoAnswer."""


class ServiceCoverage(Protocol):
    """How many of the methods that Google describes for a service are answered for real."""

    @property
    def service(self) -> str:
        """Return the API's name, such as `storage`."""

    @property
    def answered(self) -> int:
        """Return how many methods do their work."""

    @property
    def described(self) -> int:
        """Return how many methods Google's descriptions hold."""


@dataclass(frozen=True, slots=True)
class Operations:
    """What the command line can have done to a data directory.

    `first_start` creates the records and `admin-key.json` in an empty directory under the keys it
    is given, and leaves nothing open in it: the directory is renamed afterwards. `serve` gets the
    root from where it is kept, waits for it while it is sealed, and runs until SIGTERM or SIGINT.
    `verify` and `issuer_keys` need no running server. `left_over` lists keys in the token and
    removes those of the given ids. `elsewhere` reaches the keys that open a root by themselves.
    `answers` opens the universe, has questions answered to whoever may see everything, and closes
    it again; nothing is written.
    """

    first_start: Callable[[Path, Config, Keyring], Coroutine[None, None, None]]
    serve: Callable[[Path, Config, Listener], Coroutine[None, None, None]]
    verify: Callable[[Path, Config, Keyring, Asked], Coroutine[None, None, VerifyReport]]
    coverage: Callable[[], Sequence[ServiceCoverage]]
    issuer_keys: Callable[[Config, Keyring], dict[str, object]]
    left_over: Callable[
        [Path, Config, Keyring, tuple[str, ...]], Coroutine[None, None, tuple[LeftOverKey, ...]]
    ]
    elsewhere: Callable[[Path, Config], Elsewhere]
    answers: Callable[
        [Path, Config, Keyring, Callable[[Ask], Awaitable[Any]]], Coroutine[None, None, Any]
    ]
