"""The state that the log tells, read at every start, and the seal that no step can be cut from it.

The chain of the log shows changes in its middle; only officers can make steps. What is left to an
attacker who writes to the disk is to cut the log's end off and a block with it. So the sealed file
keeps how many steps there were and a hash over them, and a log that tells fewer does not load.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from rempart.core.errors import CloudError
from rempart.ekm.administration import trail
from rempart.ekm.administration.judgement import Judgement
from rempart.ekm.administration.state import State
from rempart.ekm.administration.steps import Step, advance, enrolled
from rempart.ekm.approvals.approval import LIFETIME_SECONDS_MAX, SKEW_SECONDS
from rempart.ekm.model.holdings import Pin
from rempart.ekm.record.entry import Entry, encoded
from rempart.ekm.record.segments import LogBroken

LIFETIME_MICROS_MAX = (LIFETIME_SECONDS_MAX + SKEW_SECONDS) * 1_000_000
NEVER = 1 << 62
_DOMAIN = b"rempart.ekm.officers.v1\x00"


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided so far (None before the enrolment), and how far that is."""

    state: State | None
    pin: Pin


def read(directory: Path, pin: Pin, judgement: Judgement, *, now: int) -> History:
    """Return what the log tells; raises LogBroken unless it reaches to what the sealed file pins.

    The judgement follows along, so that it remembers each use as it was judged then; but for those
    so long ago that no approval of them can be alive.
    """
    alive = now - LIFETIME_MICROS_MAX
    state: State | None = None
    reached = Pin()
    seen = pin.steps == 0
    for entry in trail.entries(directory):
        if entry.kind == trail.KIND:
            after = _after(state, entry)
            if after is None:
                continue
            state, reached = after, pinned(reached, entry)
            seen = seen or reached == pin
            judgement.follow(state)
        elif entry.time >= alive and entry.allowed and not entry.stage:
            judgement.remember(trail.use(entry))
    if not seen:
        raise LogBroken("steps of the officers that the sealed file knows of are not in it")
    return History(state=state, pin=reached)


def told(directory: Path) -> State | None:
    """Return what a log by itself tells, as for a copy of one: nothing says that it is whole."""
    return read(directory, Pin(), Judgement(), now=NEVER).state


def pinned(pin: Pin, entry: Entry) -> Pin:
    """Return the pin after one more entry of administration."""
    hashed = hashlib.sha256(_DOMAIN + pin.hash + encoded(entry)).digest()
    return Pin(pin.steps + 1, hashed)


def _after(state: State | None, entry: Entry) -> State | None:
    """Return the state after an entry, None where it is none that counts."""
    try:
        if entry.verb == trail.ENROLLED and state is None:
            return enrolled(entry.detail["enrolment"])
        step: Step | None = trail.step(entry)
        if step is None:
            return None
        if state is None:
            raise LogBroken("an officer's step comes before there were officers")
        return advance(state, step)
    except (CloudError, KeyError) as problem:
        raise LogBroken(f"a step of the officers does not hold: {problem}") from problem
