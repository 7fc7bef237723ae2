"""What a batch must look like before an engine looks at it; every engine refuses the same ones."""

from __future__ import annotations

from rempart.engine.seam import KEY_BYTES_MAX, Append, Batch, BlobId, Key, Prune, Span

VALUE_BYTES_MAX = 64 << 20
"""The longest record, payload or feed entry; larger data belongs in a blob."""

BATCH_BYTES_MAX = 256 << 20
FEED_NAME_BYTES_MAX = 1024
FEED_ENTRIES_MAX = 1 << 40
PAYLOAD_ID_MAX = (1 << 63) - 1

_BLOB_DIGITS = 32
_HEXADECIMAL = frozenset("0123456789abcdef")


def check_batch(batch: Batch) -> int:
    """Return the size of the batch in bytes; raises `ValueError` if no engine could store it."""
    for key in (*(expect.key for expect in batch.expects), *batch.deletes):
        check_key(key)
    for span in batch.empties:
        check_span(span)
    size = sum(_record_bytes(key, value) for key, value in batch.puts)
    size += sum(_payload_bytes(number, value) for number, value in batch.payloads)
    size += sum(_append_bytes(append) for append in batch.appends)
    for prune in batch.prunes:
        check_prune(prune)
    if size > BATCH_BYTES_MAX:
        raise ValueError(f"a batch of {size} bytes exceeds {BATCH_BYTES_MAX}")
    if len({number for number, _ in batch.payloads}) != len(batch.payloads):
        raise ValueError("a batch names a payload twice")
    return size


def check_key(key: Key) -> None:
    """Raise `ValueError` unless the key has 1 to `KEY_BYTES_MAX` bytes."""
    if not 1 <= len(key) <= KEY_BYTES_MAX:
        raise ValueError(f"a key has 1 to {KEY_BYTES_MAX} bytes, not {len(key)}")


def check_span(span: Span) -> None:
    """Raise `ValueError` unless both ends are at most a byte longer than the longest key."""
    if max(len(span.start), len(span.end)) > KEY_BYTES_MAX + 1:
        raise ValueError(f"an end of a span exceeds {KEY_BYTES_MAX + 1} bytes")


def check_blob(blob: BlobId) -> None:
    """Raise `ValueError` unless the id is 32 lower-case hexadecimal digits."""
    if len(blob) != _BLOB_DIGITS or not _HEXADECIMAL.issuperset(blob):
        raise ValueError("a blob id is 32 lower-case hexadecimal digits")


def check_feed(feed: str) -> None:
    """Raise `ValueError` unless the name has 1 to `FEED_NAME_BYTES_MAX` bytes and no zero."""
    if not feed or len(feed.encode()) > FEED_NAME_BYTES_MAX or "\0" in feed:
        raise ValueError(f"a feed's name has 1 to {FEED_NAME_BYTES_MAX} bytes and no zero byte")


def check_prune(prune: Prune) -> None:
    """Raise `ValueError` unless the feed has a good name and the index fits."""
    check_feed(prune.feed)
    if not 0 <= prune.index < FEED_ENTRIES_MAX:
        raise ValueError(f"an entry of a feed has an index from 0 to {FEED_ENTRIES_MAX - 1}")


def _record_bytes(key: Key, value: bytes) -> int:
    check_key(key)
    return len(key) + _value_bytes(value)


def _payload_bytes(number: int, value: bytes) -> int:
    if not 1 <= number <= PAYLOAD_ID_MAX:
        raise ValueError("a payload id is from 1 to 2^63 - 1")
    return _value_bytes(value)


def _append_bytes(append: Append) -> int:
    check_feed(append.feed)
    return _value_bytes(append.entry) + _value_bytes(append.content)


def _value_bytes(value: bytes) -> int:
    if len(value) > VALUE_BYTES_MAX:
        raise ValueError(f"a value of {len(value)} bytes exceeds {VALUE_BYTES_MAX}")
    return len(value)
