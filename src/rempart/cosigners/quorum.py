"""The witnesses of the log: which there are, what each did last, and how many are enough.

The policy is a file in the data directory, in the public format (C2SP tlog-policy). It names this
log, and witnesses with the addresses where they cosign. What the operator writes there binds nobody
else: whoever relies on the log keeps a policy of their own.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rempart.cosigners.asking import Cosigned, Endpoint, Enough, Failure, Fault, Witnesses
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import VerifierKey
from rempart.tlog.note import Note
from rempart.tlog.policy import Policy, Witness, parse_policy
from rempart.tlog.proving import Proof

POLICY_FILE = "log-policy"
CERTIFICATES = "log-witnesses"
"""A folder: `NAME.pem` is what the witness of that name in the policy is known by, a certificate of
its own or of its authority. Without it, by the authorities that this machine trusts."""

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Names of witnesses that a certificate can be kept for."""

ALARMING = frozenset((Fault.AHEAD, Fault.FORKED))
"""The witness has seen another log than this one: the store was put back, or altered."""

_log = logging.getLogger(__name__)

Prove = Callable[[int], Awaitable[Proof]]
"""Returns the proof that a checkpoint continues the tree of a size."""


class BadPolicy(Exception):  # noqa: N818 - it is named for what was found
    """The policy cannot be used; the message says why and what to do."""


class Cosigners(Protocol):
    """The witnesses, asked all at once."""

    async def cosign(self, note: Note, prove: Prove, *, enough: Enough | None = None) -> Cosigned:
        """Return the cosignatures that were given and hold, and what each of the others did."""


@dataclass(frozen=True, slots=True)
class WitnessState:
    """What a witness did when it was asked last.

    `fault` is empty where it cosigned, else a `Fault`'s word or `unasked`. `size` is the tree that
    it cosigned last, as far as it said.
    """

    name: str
    url: str
    fault: str = "unasked"
    message: str = ""
    size: int = 0


class Quorum:
    """The witnesses that a policy names, and what they said last."""

    def __init__(self, policy: Policy, asked: tuple[Endpoint, ...], cosigners: Cosigners) -> None:
        self.policy = policy
        self._cosigners = cosigners
        self._states = {one: WitnessState(one.name, one.url) for one in asked}

    @property
    def asked(self) -> tuple[Endpoint, ...]:
        """Return the witnesses that can be asked."""
        return tuple(self._states)

    def same(self, other: Quorum | None) -> bool:
        """Tell whether another asks the same witnesses, and wants the same of them."""
        return other is not None and (self.policy, self.asked) == (other.policy, other.asked)

    def remember(self, before: Quorum) -> None:
        """Keep what the witnesses did last that were asked before too."""
        known = dict(zip(before.asked, before.states, strict=True))
        self._states |= {one: known[one] for one in self._states if one in known}

    @property
    def states(self) -> tuple[WitnessState, ...]:
        """Return what each witness did last."""
        return tuple(self._states.values())

    @property
    def missing(self) -> str:
        """Return which witnesses did not cosign when asked last, each with its reason."""
        reasons = (f"{one.name}: {one.message}" for one in self.states if one.message)
        return " ".join(reasons)

    @property
    def contradictions(self) -> str:
        """Return what the witnesses said that have seen another log than this one."""
        alarming = {fault.value for fault in ALARMING}
        return "; ".join(f"{it.name}: {it.message}" for it in self.states if it.fault in alarming)

    def check(self, note: Note) -> None:
        """Raise `Refuted` unless the policy believes a checkpoint."""
        self.policy.check(note)

    async def cosign(self, note: Note, prove: Prove, *, whole: bool = False) -> Note:
        """Return a checkpoint with the cosignatures that are had for it now.

        Once they are enough, nobody else is waited for, unless the `whole` is wanted.
        """
        enough = None if whole else self.policy.satisfied
        found = await self._cosigners.cosign(note, prove, enough=enough)
        failures = {one.witness: one for one in found.failures}
        size = parse_checkpoint(note.text).size
        for witness in self._states:
            self._take(witness, failures.get(witness), size)
        return found.on(note)

    def _take(self, witness: Endpoint, failure: Failure | None, size: int) -> None:
        before = self._states[witness]
        if failure is None:
            self._states[witness] = WitnessState(witness.name, witness.url, "", "", size)
            if before.fault not in {"", "unasked", Fault.LATE.value}:
                _log.info("The witness %s cosigns again.", witness.name)
            return
        state = WitnessState(
            witness.name, witness.url, failure.fault.value, failure.message,
            failure.size if failure.size is not None else before.size,
        )  # fmt: skip
        self._states[witness] = state
        if failure.fault is not Fault.LATE and state.fault != before.fault:
            level = logging.CRITICAL if failure.fault in ALARMING else logging.WARNING
            _log.log(level, "The witness %s: %s", witness.name, failure.message)


def read_quorum(data: Path, key: VerifierKey) -> Quorum | None:
    """Return the quorum that the policy in the data directory wants; None where there is none.

    Raises `BadPolicy`.
    """
    policy = read_policy(data)
    if policy is None:
        return None
    if key not in {one.key for one in policy.logs}:
        raise BadPolicy(f"{POLICY_FILE} does not name this log; add the line: log {key.text}")
    try:
        asked = _endpoints(policy, data / CERTIFICATES)
    except OSError as problem:
        raise BadPolicy(f"A certificate of a witness cannot be used: {_why(problem)}") from problem
    except ValueError as problem:
        raise BadPolicy(f"A certificate of a witness cannot be used: {problem}") from problem
    if not policy.satisfied(key for one in asked for key in one.keys):
        raise BadPolicy(
            f"{POLICY_FILE}: the witnesses that have an address are too few for its quorum."
        )
    return Quorum(policy, asked, Witnesses(asked))


def check_policy(data: Path) -> None:
    """Check the policy as far as that is possible without the log's key; raises `BadPolicy`."""
    policy = read_policy(data)
    if policy is None:
        return
    if not policy.logs:
        raise BadPolicy(f"{POLICY_FILE} does not name this log.")
    read_quorum(data, policy.logs[0].key)


def read_policy(data: Path) -> Policy | None:
    """Return the policy in a data directory, None where there is none; raises `BadPolicy`.

    Anybody may be told what is wrong with it: no path of this machine is in the message.
    """
    try:
        return parse_policy((data / POLICY_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise BadPolicy(f"{POLICY_FILE} cannot be used: {_why(problem)}") from problem
    except Malformed as problem:
        raise BadPolicy(f"{POLICY_FILE} cannot be used: {problem}") from problem


def _why(problem: OSError) -> str:
    return f"{problem.strerror or 'it cannot be read'}."


def _endpoints(policy: Policy, certificates: Path) -> tuple[Endpoint, ...]:
    """Return the witnesses that can be asked: the keys of one address are of one witness."""
    named: dict[str, list[Witness]] = {}
    for one in policy.witnesses:
        if one.url is not None:
            named.setdefault(one.url, []).append(one)
    return tuple(
        Endpoint(tuple(one.key for one in each), url, _certificate(each, certificates))
        for url, each in named.items()
    )


def _certificate(named: list[Witness], certificates: Path) -> str:
    for one in named:
        name = one.name.decode(errors="replace")
        path = certificates / f"{name}.pem"
        if FILE_NAME.fullmatch(name) and path.is_file():
            content = path.read_text(encoding="ascii")
            if not content.strip():
                raise ValueError(f"{path.name} is empty.")
            ssl.create_default_context(cadata=content)
            return content
    return ""


def believed(quorum: Quorum | None, note: Note) -> str:
    """Return why a checkpoint may not be published, and who is missing; empty where it may."""
    if quorum is None:
        return ""
    try:
        quorum.check(note)
    except Refuted as problem:
        return f"{problem} {quorum.missing}".rstrip()
    return ""
