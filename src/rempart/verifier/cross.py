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
from rempart.verifier.findings import Check
from rempart.verifier.holder_log import Request, read_holder_log
from rempart.verifier.leaf import Leaf
from rempart.verifier.receipts import parse_receipt

METHOD = "rempart.keys."
USE, REFUSAL = "use", "refusal"
AGAIN_MICROS_MAX = 60_000_000
"""How long after the first the universe may ask again on a connection that broke."""

AGAIN_MAX = 2
CLOCKS_APART_MICROS = 300_000_000
"""How far the two clocks may differ before entries at the end of a holder's log are missed."""

ROOT_SEAL = "/rootSeals/"


@dataclass(slots=True)
class _Use:
    """A request that the universe says it was about to make, and what came of it."""

    leaf_hash: bytes
    leaf: Leaf
    failed: bool = False
    asked: list[tuple[int, Request]] = field(default_factory=list)


class Cross:
    """Takes the entries of both sides, then tells what does not fit.

    `parent` is the project that the universe's entries are of; empty where they are all there.
    `start` and `end` are the span of the universe's log that they are from.
    """

    def __init__(self, parent: str = "", start: int = 0, end: int | None = None) -> None:
        self._parent = f"{parent}/" if parent else ""
        self._span = (start, end)
        self._uses: dict[int, _Use] = {}
        self._requests: list[tuple[int, Request]] = []
        self._roots = 0
        self._outside = 0

    def note(self, index: int, leaf_hash: bytes, leaf: Leaf) -> None:
        """Take an entry of the universe's log."""
        if not leaf.method.startswith(METHOD) or "uri" not in leaf.facts:
            return
        if leaf.kind == USE:
            self._uses[index] = _Use(leaf_hash, leaf)
        elif leaf.kind == REFUSAL:
            asked = self._uses.get(_index(leaf.facts.get("entry", "")))
            if asked is not None:
                asked.failed = True

    def request(self, index: int, request: Request) -> None:
        """Take an answered request from a holder's log."""
        if ROOT_SEAL in request.resource:
            self._roots += 1
        elif request.caller and request.verb != "info":
            self._requests.append((index, request))

    def check(self, told: Check) -> None:
        """Say what is in one log and not in the other, or is told otherwise there."""
        for index, request in self._requests:
            if request.resource.startswith(self._parent):
                self._asked(index, request, told)
        last = max((one.time for _, one in self._requests), default=0)
        late = [self._answered(index, use, last, told) for index, use in sorted(self._uses.items())]
        if any(late):
            told.undecided(f"{sum(late)} uses may be later than the end of the holder's log.")
        told.shows = (
            f"{len(self._uses)} uses of keys, each in both logs"
            f"{f'; {self._outside} outside of the span' if self._outside else ''}"
            f"{f'; the root was opened {self._roots} times' if self._roots else ''}"
        )

    def _asked(self, index: int, request: Request, told: Check) -> None:
        what = f"Entry {index} of the holder's log, {request.verb} of {request.resource or 'a key'}"
        try:
            receipt = parse_receipt(request.entry)
        except Malformed:
            told.wrong(f"{what}, names no entry of the universe's log.")
            return
        start, end = self._span
        if receipt.index < start or (end is not None and receipt.index >= end):
            self._outside += 1
            return
        use = self._uses.get(receipt.index)
        if use is None or not compare_digest(use.leaf_hash, receipt.leaf):
            told.wrong(f"{what}, names entry {receipt.index}, which is not of that use.")
            return
        use.asked.append((index, request))
        if fault := _difference(use.leaf, request):
            told.wrong(f"{what}: the universe's entry {receipt.index} has another {fault}.")

    def _answered(self, index: int, use: _Use, last: int, told: Check) -> bool:
        """Look for a use in the holder's log; return whether it may be too late for that."""
        what = f"Entry {index}, {use.leaf.method.removeprefix(METHOD)} of {use.leaf.resource}"
        missing = not use.asked and not use.failed
        late = missing and use.leaf.time > last - CLOCKS_APART_MICROS
        if missing and not late:
            told.wrong(f"{what}, is not in the holder's log.")
        times = [one.time for _, one in use.asked]
        if len(times) > AGAIN_MAX or (times and max(times) - min(times) > AGAIN_MICROS_MAX):
            told.wrong(f"{what}, stands for {len(times)} requests in the holder's log.")
        return late


def crossed(cross: Cross, logs: Iterable[Path], told: Check) -> None:
    """Read holders' logs, from the first entry on, and say what does not fit."""
    try:
        for path in logs:
            for index, request in read_holder_log(path):
                cross.request(index, request)
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
