"""Where segments are written: the sealed engine under one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from rempart.core.clock import Micros, Random
from rempart.services.logging.kinds import BODIES, COLUMNS, SEGMENT
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.model.names import BucketName
from rempart.services.logging.model.segment import Built, build
from rempart.trust.custody.kind import Part
from rempart.trust.custody.transaction import Transaction

_SALT_BYTES = 8


def put(
    tx: Transaction, bucket: BucketName, entries: Iterable[Entry], now: Micros, random: Random
) -> None:
    """Write entries of a log bucket as a new segment."""
    put_built(tx, bucket, build(entries), now, random)


def put_built(
    tx: Transaction, bucket: BucketName, built: Built, now: Micros, random: Random
) -> None:
    """Write a segment."""
    at: tuple[Part, ...] = (bucket.container, bucket.location, bucket.id)
    at = (*at, now, random(_SALT_BYTES).hex())
    tx.put(SEGMENT, *at, value=built.segment)
    if built.columns is not None:
        tx.put(COLUMNS, *at, value=built.columns)
    if built.bodies is not None:
        tx.put(BODIES, *at, value=built.bodies)


def drop(tx: Transaction, key: bytes) -> None:
    """Remove a segment, by the key of its document."""
    tx.delete(SEGMENT, key[1:])
    tx.delete(COLUMNS, key[1:])
    tx.delete(BODIES, key[1:])
