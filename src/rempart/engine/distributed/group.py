"""What a group of batches does, decided purely: the database only loads before and stores after.

`Question` says what must be read so that every job of the group can be judged. `Ledger` judges
them in order, each against the loaded state and what earlier jobs of the group did, and keeps what
must be written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rempart.engine.seam import (
    GENESIS,
    Append,
    Batch,
    Committed,
    Conflict,
    Expect,
    Fenced,
    Key,
    Lease,
    PayloadId,
    Position,
    Prune,
    Span,
    chain,
)


@dataclass(frozen=True, slots=True)
class Acquire:
    """Take or extend a lease."""

    name: str
    holder: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Release:
    """Give a lease back."""

    lease: Lease


Order = Batch | Acquire | Release
Answer = Committed | Lease | None


@dataclass(frozen=True, slots=True)
class Question:
    """What the orders of a group depend on."""

    keys: tuple[Key, ...]
    spans: tuple[Span, ...]
    span_keys_max: int
    payloads: tuple[PayloadId, ...]
    feeds: tuple[str, ...]
    leases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A row of the lease table; `holder` is empty once released."""

    holder: str
    fence: int
    expires: float


@dataclass(frozen=True, slots=True)
class End:
    """Where a feed ends."""

    size: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class State:
    """The answer to a `Question`, at one moment under the writers' lock."""

    version: int
    now: float
    versions: dict[Key, int]
    span_keys: dict[Span, tuple[Key, ...]]
    payloads: frozenset[PayloadId]
    ends: dict[str, End]
    leases: dict[str, Held]


@dataclass(frozen=True, slots=True)
class Put:
    """A record as the group leaves it; without a value it is deleted."""

    version: int
    value: bytes | None


@dataclass(slots=True)
class Changes:
    """What the group leaves to be written."""

    version: int
    records: dict[Key, Put] = field(default_factory=dict)
    payloads: dict[PayloadId, bytes] = field(default_factory=dict)
    payload_deletes: set[PayloadId] = field(default_factory=set)
    entries: list[tuple[Position, Append]] = field(default_factory=list)
    prunes: list[Prune] = field(default_factory=list)
    ends: dict[str, End] = field(default_factory=dict)
    leases: dict[str, Held] = field(default_factory=dict)


def question(orders: Iterable[Order]) -> Question:
    """Return what must be loaded before the orders can be judged."""
    batches = [order for order in orders if isinstance(order, Batch)]
    deletes = {key for batch in batches for key in batch.deletes}
    return Question(
        keys=tuple({expect.key for batch in batches for expect in batch.expects}),
        spans=tuple({span for batch in batches for span in batch.empties}),
        # If a span holds more keys than the group deletes, it cannot become empty in the group.
        span_keys_max=len(deletes) + 1,
        payloads=tuple({number for batch in batches for number, _ in batch.payloads}),
        feeds=tuple({feed for batch in batches for feed in _feeds(batch)}),
        leases=tuple({name for order in orders for name in _lease_names(order)}),
    )


def _feeds(batch: Batch) -> tuple[str, ...]:
    return (*(one.feed for one in batch.appends), *(one.feed for one in batch.prunes))


def _lease_names(order: Order) -> tuple[str, ...]:
    match order:
        case Batch(fence=fence):
            return (fence[0],) if fence else ()
        case Acquire(name=name):
            return (name,)
        case Release(lease=lease):
            return (lease.name,)


class Ledger:
    """Judges orders one after the other and collects their changes."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.changes = Changes(state.version)

    def judge(self, order: Order) -> Answer:
        """Take the order in, or raise `Conflict`, `Fenced` or `ValueError` and change nothing."""
        match order:
            case Batch():
                return self._batch(order)
            case Acquire():
                return self._acquire(order)
            case Release():
                self._release(order.lease)
                return None

    def _batch(self, batch: Batch) -> Committed:
        if batch.fence is not None:
            self._check_fence(*batch.fence)
        for expect in batch.expects:
            self._check_expect(expect)
        for span in batch.empties:
            self._check_empty(span)
        self._check_payloads(batch)
        return self._write(batch)

    def _check_fence(self, name: str, fence: int) -> None:
        held = self._held(name)
        if held is None or held.fence != fence:
            raise Fenced(f"the lease is no longer held under number {fence}")

    def _check_expect(self, expect: Expect) -> None:
        put = self.changes.records.get(expect.key)
        if put is None:
            version = self._state.versions.get(expect.key, 0)
        else:
            version = 0 if put.value is None else put.version
        if version != expect.version:
            raise Conflict("a record does not have the expected version")

    def _check_empty(self, span: Span) -> None:
        changed = self.changes.records
        if any(key not in changed for key in self._state.span_keys.get(span, ())):
            raise Conflict("a span holds a record")
        if any(
            put.value is not None and span.start <= key < span.end for key, put in changed.items()
        ):
            raise Conflict("a span holds a record")

    def _check_payloads(self, batch: Batch) -> None:
        for number, _ in batch.payloads:
            if self._holds(number) and number not in batch.payload_deletes:
                raise ValueError("a payload id is used again")

    def _holds(self, number: PayloadId) -> bool:
        changes = self.changes
        if number in changes.payloads:
            return True
        return number in self._state.payloads and number not in changes.payload_deletes

    def _write(self, batch: Batch) -> Committed:
        changes = self.changes
        changes.version += 1
        for key in batch.deletes:
            changes.records[key] = Put(changes.version, None)
        for number in batch.payload_deletes:
            changes.payloads.pop(number, None)
            changes.payload_deletes.add(number)
        for key, value in batch.puts:
            changes.records[key] = Put(changes.version, value)
        for number, value in batch.payloads:
            changes.payloads[number] = value
        changes.prunes += [one for one in batch.prunes if one.index < self._end(one.feed).size]
        positions = tuple(self._append(append) for append in batch.appends)
        return Committed(changes.version, positions)

    def _append(self, append: Append) -> Position:
        end = self._end(append.feed)
        position = Position(append.feed, end.size, chain(end.chain, append.entry))
        self.changes.entries.append((position, append))
        self.changes.ends[append.feed] = End(end.size + 1, position.chain)
        return position

    def _end(self, feed: str) -> End:
        return self.changes.ends.get(feed) or self._state.ends.get(feed) or End(0, GENESIS)

    def _acquire(self, wanted: Acquire) -> Lease | None:
        now = self._state.now
        held = self._held(wanted.name) or Held("", 0, 0.0)
        alive = held.holder != "" and held.expires > now
        if alive and held.holder != wanted.holder:
            return None
        fence = held.fence if alive else held.fence + 1
        self.changes.leases[wanted.name] = Held(wanted.holder, fence, now + wanted.seconds)
        return Lease(wanted.name, wanted.holder, fence, now + wanted.seconds)

    def _release(self, lease: Lease) -> None:
        held = self._held(lease.name)
        if held is not None and (held.holder, held.fence) == (lease.holder, lease.fence):
            # The row stays: its number must never come back.
            self.changes.leases[lease.name] = Held("", held.fence, 0.0)

    def _held(self, name: str) -> Held | None:
        return self.changes.leases.get(name) or self._state.leases.get(name)
