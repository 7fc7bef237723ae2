"""Holds the log of a universe against those of the holders of its keys (docs/spec/kms-external.md).

Before it asks a holder, the universe makes an entry of it, and the holder's log names that entry.
So neither can have used a key, or say that one was used, without the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path

from rempart.tlog.errors import Malformed, Refuted
from rempart.verifier.findings import PROBLEMS_KEPT_MAX, Check
from rempart.verifier.holder_log import Request, read_holder_log
from rempart.verifier.leaf import Leaf
from rempart.verifier.receipts import parse_receipt

METHOD = "rempart.keys."
USE, REFUSAL = "use", "refusal"
AGAIN_MICROS_MAX = 60_000_000
"""How long after the first the universe may ask again on a connection that broke."""

AGAIN_MAX = 2
UNDER_WAY_MICROS_MAX = 10_000_000
"""For how long later requests may overtake one: after 5 seconds the universe gives it up, and has
an entry of that."""

CLOCKS_APART_MICROS = 300_000_000
"""How far the two clocks may differ where a holder's log names no later entry."""

ROOT_SEAL = "/rootSeals/"


@dataclass(slots=True)
class _Use:
    """A request that the universe says it was about to make, and what came of it."""

    leaf_hash: bytes
    leaf: Leaf
    failed: bool = False
    asked: list[Request] = field(default_factory=list)

    @property
    def manager(self) -> str:
        """Return the authority that the universe says it was about to ask."""
        return self.leaf.facts["uri"].removeprefix("https://").partition("/")[0]


@dataclass(slots=True, eq=False)
class _Reach:
    """How far a holder's log goes: to when, and to which of our entries, which is of `entered`."""

    time: int = 0
    index: int = -1
    entered: int = 0


@dataclass(slots=True)
class _Asked:
    """An entry of a holder's log, with the reach of each copy that has it."""

    index: int
    request: Request
    copies: list[_Reach] = field(default_factory=list)

    def names(self, index: int, entered: int) -> None:
        """Note which of our entries it names."""
        for copy in self.copies:
            if index > copy.index:
                copy.index, copy.entered = index, entered


class Cross:
    """Takes the entries of both sides, then tells what does not fit.

    `parent` is the project that the universe's entries are of; empty where they are all there.
    `start` and `end` are the span of the universe's log that they are from.
    """

    def __init__(self, parent: str = "", start: int = 0, end: int | None = None) -> None:
        self._parent = f"{parent}/" if parent else ""
        self._span = (start, end)
        self._uses: dict[int, _Use] = {}
        self._newest = 0
        self._asked: dict[tuple[int, bytes], _Asked] = {}
        self._logs: dict[Path, _Reach] = {}
        self._logs_of: dict[str, set[_Reach]] = {}
        self._outside = 0

    def note(self, index: int, leaf_hash: bytes, leaf: Leaf) -> None:
        """Take an entry of the universe's log."""
        if not self._is_outside(index):
            self._newest = leaf.time
        if not leaf.method.startswith(METHOD) or "uri" not in leaf.facts:
            return
        if leaf.kind == USE:
            self._uses[index] = _Use(leaf_hash, leaf)
        elif leaf.kind == REFUSAL:
            asked = self._uses.get(_index(leaf.facts.get("entry", "")))
            if asked is not None:
                asked.failed = True

    def request(self, log: Path, index: int, chained: bytes, request: Request) -> None:
        """Take an answered request from a holder's log; what copies have in common counts once."""
        if ROOT_SEAL not in request.resource and (not request.caller or request.verb == "info"):
            return
        reach = self._logs.setdefault(log, _Reach())
        reach.time = max(reach.time, request.time)
        self._asked.setdefault((index, chained), _Asked(index, request)).copies.append(reach)

    def check(self, told: Check) -> None:
        """Say what is in one log and not in the other, or is told otherwise there."""
        roots = 0
        for one in self._asked.values():
            if ROOT_SEAL in one.request.resource:
                roots += 1
            elif one.request.resource.startswith(self._parent):
                self._compare(one, told)
        late = [why for it in sorted(self._uses.items()) if (why := self._open(*it, told))]
        for why in late[:PROBLEMS_KEPT_MAX]:
            told.undecided(why)
        if more := late[PROBLEMS_KEPT_MAX:]:
            told.undecided(f"… and {len(more)} more uses of keys")
        told.shows = (
            f"{len(self._uses)} uses of keys, {len(self._uses) - len(late) if late else 'each'} in"
            f" both logs{f'; {self._outside} outside of the span' if self._outside else ''}"
            f"{f'; the root was opened {roots} times' if roots else ''}"
        )

    def _compare(self, one: _Asked, told: Check) -> None:
        of = one.request.resource or "a key"
        what = f"Entry {one.index} of the holder's log, {one.request.verb} of {of}"
        try:
            receipt = parse_receipt(one.request.entry)
        except Malformed:
            told.wrong(f"{what}, names no entry of the universe's log.")
            return
        if self._is_outside(receipt.index):
            self._outside += 1
            one.names(receipt.index, self._newest)  # it is later than any of the span, or before
            return
        use = self._uses.get(receipt.index)
        if use is None or not compare_digest(use.leaf_hash, receipt.leaf):
            told.wrong(f"{what}, names entry {receipt.index}, which is not of that use.")
            return
        use.asked.append(one.request)
        one.names(receipt.index, use.leaf.time)
        self._logs_of.setdefault(use.manager, set()).update(one.copies)
        if fault := _difference(use.leaf, one.request):
            told.wrong(f"{what}: the universe's entry {receipt.index} has another {fault}.")

    def _open(self, index: int, use: _Use, told: Check) -> str:
        """Look for a use in the holder's log; return why it cannot be told, if so."""
        what = f"Entry {index}, {use.leaf.method.removeprefix(METHOD)} of {use.leaf.resource}"
        times = [one.time for one in use.asked]
        if len(times) > AGAIN_MAX or (times and max(times) - min(times) > AGAIN_MICROS_MAX):
            told.wrong(f"{what}, stands for {len(times)} requests in the holder's log.")
        if use.asked or use.failed:
            return ""
        logs = self._logs_of.get(use.manager) or self._logs.values()
        last = max(logs, key=lambda one: one.index, default=_Reach())
        later = last.index > index
        if later and last.entered > use.leaf.time + UNDER_WAY_MICROS_MAX:
            told.wrong(f"{what}, is not in the holder's log, which has the later {last.index}.")
        elif max((one.time for one in logs), default=0) >= use.leaf.time + CLOCKS_APART_MICROS:
            told.wrong(f"{what}, is not in the holder's log, which goes on for minutes after it.")
        elif later:
            return (
                f"{what}, may have been under way at the end of the holder's log, which has the"
                f" later {last.index}: take a newer copy."
            )
        else:
            return f"{what}, may be later than the end of the holder's log: take a newer copy."
        return ""

    def _is_outside(self, index: int) -> bool:
        start, end = self._span
        return index < start or (end is not None and index >= end)


def crossed(cross: Cross, logs: Iterable[Path], told: Check) -> None:
    """Read holders' logs, from the first entry on, and say what does not fit."""
    try:
        for path in logs:
            for index, chained, request in read_holder_log(path):
                cross.request(path, index, chained, request)
    except (Malformed, Refuted, OSError) as problem:
        told.wrong(str(problem))
        return
    cross.check(told)


def _difference(leaf: Leaf, request: Request) -> str:
    """Return the first thing that the two logs tell otherwise, empty where there is none."""
    told = {
        "verb": (leaf.method.removeprefix(METHOD), request.verb),
        "key": (leaf.resource, request.resource),
        "reason": (leaf.reason, request.reason),
        "principal": (leaf.principal, request.principal),
        "operation": (leaf.facts.get("operation", ""), request.operation),
        "caller": (leaf.facts.get("agent", ""), request.caller),
    }
    return next((name for name, (ours, theirs) in told.items() if ours != theirs), "")


def _index(receipt: str) -> int:
    try:
        return parse_receipt(receipt).index
    except Malformed:
        return -1
