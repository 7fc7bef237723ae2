"""What a batch does to the database: all conditions first, then every write, nothing durable yet.

Used inside one open transaction that carries a group of batches. What the group changed beyond the
database (the version counter, the heads of feeds) stays aside until `settle`, or goes in `undo`.
"""

from __future__ import annotations

import apsw
import msgspec

from rempart.engine.embedded.cache import RecordCache
from rempart.engine.embedded.rows import rows
from rempart.engine.seam import (
    GENESIS,
    Append,
    Batch,
    Committed,
    Conflict,
    Expect,
    Fenced,
    Key,
    PayloadId,
    Position,
    Span,
    chain,
)

FEED_ENTRIES_BITS = 40
"""An entry's row number is the feed's number shifted by this, plus its index."""

HEADS_CACHED_MAX = 65_536

_PRUNE = """
UPDATE entries SET content = x'' WHERE id = (SELECT id FROM feeds WHERE name = ?1) << ?2 | ?3
"""


class Head(msgspec.Struct, frozen=True, gc=False):
    """Where a feed ends: its number in the database, its length, its last chain value."""

    number: int
    size: int
    chain: bytes


class Applier:
    """Applies batches to the writer's connection, in the order of the calls."""

    def __init__(self, writer: apsw.Connection, cache: RecordCache) -> None:
        """Read the version counter of the store."""
        self._cache = cache
        self._group_keys: list[Key] = []
        self._cursor = writer.cursor()
        self._version = self._number("SELECT version FROM meta WHERE id = 1")
        self._payload_max = self._highest_payload()
        self._heads: dict[str, Head] = {}
        self._group_version = self._version
        self._group_heads: dict[str, Head] = {}

    @property
    def group_version(self) -> int:
        """Return the number of the last commit in the group at hand."""
        return self._group_version

    def begin(self) -> None:
        """Open the group's transaction."""
        self._cursor.execute("BEGIN IMMEDIATE")
        self._group_version = self._version
        self._group_heads = {}
        self._group_keys = []

    def apply(self, batch: Batch) -> Committed:
        """Check the batch, then write it; an exception from the checks leaves nothing written."""
        self._check(batch)
        self._group_version += 1
        self._write(batch, self._group_version)
        positions = tuple(self._append(append) for append in batch.appends)
        return Committed(self._group_version, positions)

    def seal(self) -> None:
        """Write the counter and the heads that the group moved."""
        if self._group_version != self._version:
            self._cursor.execute("UPDATE meta SET version = ? WHERE id = 1", (self._group_version,))
        for head in self._group_heads.values():
            self._cursor.execute(
                "UPDATE feeds SET size = ?, chain = ? WHERE id = ?",
                (head.size, head.chain, head.number),
            )

    def settle(self) -> None:
        """Take over what the group changed, once it is durable."""
        self._version = self._group_version
        self._cache.drop(self._group_keys)
        if len(self._heads) + len(self._group_heads) > HEADS_CACHED_MAX:
            self._heads.clear()
        self._heads.update(self._group_heads)

    def undo(self) -> None:
        """Drop the group: the transaction is rolled back, heads and counter stay as they were."""
        self._group_version = self._version
        self._group_heads = {}
        self._payload_max = self._highest_payload()

    def _check(self, batch: Batch) -> None:
        if batch.fence is not None:
            self._check_fence(*batch.fence)
        for expect in batch.expects:
            self._check_expect(expect)
        for span in batch.empties:
            self._check_empty(span)
        deleted = set(batch.payload_deletes)
        for number, _ in batch.payloads:
            if number not in deleted:
                self._check_unused(number)

    def _check_fence(self, name: str, fence: int) -> None:
        held = rows(self._cursor, tuple[int], "SELECT fence FROM leases WHERE name = ?", name)
        if held != [(fence,)]:
            raise Fenced(f"the lease is no longer held under number {fence}")

    def _check_expect(self, expect: Expect) -> None:
        query = "SELECT version FROM records WHERE key = ?"
        found = rows(self._cursor, tuple[int], query, expect.key)
        if (found[0][0] if found else 0) != expect.version:
            raise Conflict("a record does not have the expected version")

    def _check_empty(self, span: Span) -> None:
        query = "SELECT 1 FROM records WHERE key >= ? AND key < ? LIMIT 1"
        if rows(self._cursor, tuple[int], query, span.start, span.end):
            raise Conflict("a span holds a record")

    def _check_unused(self, number: PayloadId) -> None:
        query = "SELECT 1 FROM payloads WHERE id = ?"
        if number <= self._payload_max and rows(self._cursor, tuple[int], query, number):
            raise ValueError("a payload id is used again")

    def _write(self, batch: Batch, version: int) -> None:
        execute = self._cursor.execute
        self._group_keys += batch.deletes
        self._group_keys += [key for key, _ in batch.puts]
        for key in batch.deletes:
            execute("DELETE FROM records WHERE key = ?", (key,))
        for number in batch.payload_deletes:
            execute("DELETE FROM payloads WHERE id = ?", (number,))
        for key, value in batch.puts:
            execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (key, version, value))
        for number, value in batch.payloads:
            execute("INSERT INTO payloads VALUES (?, ?)", (number, value))
            self._payload_max = max(self._payload_max, number)
        for prune in batch.prunes:
            execute(_PRUNE, (prune.feed, FEED_ENTRIES_BITS, prune.index))

    def _append(self, append: Append) -> Position:
        head = self._head(append.feed)
        value = chain(head.chain, append.entry)
        row = (head.number << FEED_ENTRIES_BITS) + head.size
        stored = (row, value, append.entry, append.content)
        self._cursor.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", stored)
        self._group_heads[append.feed] = Head(head.number, head.size + 1, value)
        return Position(append.feed, head.size, value)

    def _head(self, feed: str) -> Head:
        head = self._group_heads.get(feed) or self._heads.get(feed)
        if head is not None:
            return head
        query = "SELECT id, size, chain FROM feeds WHERE name = ?"
        found = rows(self._cursor, tuple[int, int, bytes], query, feed)
        if found:
            return Head(*found[0])
        create = "INSERT INTO feeds (name, size, chain) VALUES (?, 0, ?) RETURNING id"
        return Head(rows(self._cursor, tuple[int], create, feed, GENESIS)[0][0], 0, GENESIS)

    def _highest_payload(self) -> int:
        return self._number("SELECT coalesce(max(id), 0) FROM payloads")

    def _number(self, query: str) -> int:
        return rows(self._cursor, tuple[int], query)[0][0]
