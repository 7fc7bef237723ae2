"""Entries that wait until a sink has taken them out of the logs.

They are written in one commit with the entries themselves, so that none is lost between the two,
and go once they are delivered.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping

import msgspec

from rempart.core.clock import Micros, Random, World
from rempart.services.logging import segments
from rempart.services.logging.kinds import WAITING, Waiting
from rempart.services.logging.model.destination import Outbox
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.segment import decoded
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction

BATCH_BYTES = 8 << 20
"""Of JSON, in one delivery."""

_AT_ONCE = 16
_SALT_BYTES = 8
_MICROS_BYTES = 8
_LEVEL = 1


def put_all(
    tx: Transaction,
    placed: Mapping[BucketName | Outbox, list[Entry]],
    now: Micros,
    random: Random,
) -> None:
    """Write entries where each is to go."""
    for place, entries in placed.items():
        if isinstance(place, Outbox):
            _put(tx, place, entries, now, random)
        else:
            segments.put(tx, place, entries, now, random)


def _put(
    tx: Transaction,
    place: Outbox,
    entries: Iterable[Entry],
    now: Micros,
    random: Random,
    log: str = "",
) -> None:
    lines = [msgspec.json.encode(one.document) for one in entries]
    content = zlib.compress(b"\n".join(lines), _LEVEL)
    waiting = Waiting(count=len(lines), size=sum(map(len, lines)), entries=content, log=log)
    salt = random(_SALT_BYTES).hex()
    tx.put(WAITING, place.container, place.sink, now, salt, value=waiting)


def entries_of(waiting: Waiting) -> list[Entry]:
    """Return the entries that wait."""
    return decoded(zlib.decompress(waiting.entries))


async def filled(sealed: SealedEngine) -> AsyncIterator[Outbox]:
    """Iterate over the outboxes in which something waits."""
    span = WAITING.under()
    while some := await sealed.scan(WAITING, span, limit=1):
        container, sink = some[0].key[1:].split(b"\x00", 2)[:2]
        place = Outbox(container.decode(), sink.decode())
        yield place
        span = type(span)(WAITING.under(place.container, place.sink).end, span.end)


async def head(sealed: SealedEngine, place: Outbox) -> list[Found[Waiting]]:
    """Return what waits longest, no more than one delivery takes, but one document at least."""
    kept, size = list[Found[Waiting]](), 0
    span = WAITING.under(place.container, place.sink)
    while found := await sealed.scan(WAITING, span, limit=_AT_ONCE):
        for one in found:
            size += one.value.size
            if kept and size > BATCH_BYTES:
                return kept
            kept.append(one)
        span = span.after(found[-1].key)
    return kept


async def batch(
    sealed: SealedEngine, place: Outbox, waiting: list[Found[Waiting]], random: Random
) -> None:
    """Make of what waits one document for each log, which from then on stays as it is."""
    logs: defaultdict[str, list[Entry]] = defaultdict(list)
    for one in waiting:
        for entry in entries_of(one.value):
            logs[str(entry.document["logName"])].append(entry)
    tx = sealed.transaction()
    for log, entries in logs.items():
        ordered = sorted(entries, key=lambda one: one.key)
        _put(tx, place, ordered, written_at(waiting[0]), random, log)
    _drop(tx, waiting)
    await tx.commit()


async def move(
    sealed: SealedEngine,
    waiting: Iterable[Found[Waiting]],
    placed: Mapping[BucketName | Outbox, list[Entry]],
    world: World,
) -> None:
    """Write what waits where it is to go, and remove it here, in one commit."""
    tx = sealed.transaction()
    put_all(tx, placed, world.clock(), world.random)
    _drop(tx, waiting)
    await tx.commit()


async def drop(sealed: SealedEngine, waiting: Iterable[Found[Waiting]]) -> None:
    """Remove what is delivered."""
    tx = sealed.transaction()
    _drop(tx, waiting)
    await tx.commit()


def _drop(tx: Transaction, waiting: Iterable[Found[Waiting]]) -> None:
    for one in waiting:
        tx.delete(WAITING, one.key[1:])


def written_at(one: Found[Waiting]) -> Micros:
    """Return when a document was written."""
    return Micros(int.from_bytes(_rest(one)[:_MICROS_BYTES], "big"))


def salt(one: Found[Waiting]) -> str:
    """Return what tells a document from all others."""
    return _rest(one)[_MICROS_BYTES:-1].decode()


def _rest(one: Found[Waiting]) -> bytes:
    return one.key[1:].split(b"\x00", 2)[2]
