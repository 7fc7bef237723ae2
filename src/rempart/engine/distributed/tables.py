"""Loading what a group depends on and storing what it decided: one round trip each."""

from __future__ import annotations

from rempart.engine.distributed.group import Changes, End, Held, Put, Question, State
from rempart.engine.distributed.session import Cursor, Session, ask, fetch
from rempart.engine.seam import Key, PayloadId, Span

# Everyone who writes takes this row first and keeps it to the end: writers, of all processes, take
# effect one group after the other, in the order of their versions.
_LOCK = """
SELECT version, extract(epoch FROM clock_timestamp())::float8 FROM rempart.meta FOR UPDATE
"""

_VERSIONS = """
SELECT r.key, r.version FROM unnest(%b::bytea[]) AS k(key) JOIN rempart.records r
  ON substr(r.key, 1, 2048) = substr(k.key, 1, 2048) AND r.key = k.key
"""

_SPAN_KEYS = """
SELECT key FROM rempart.records
  WHERE substr(key, 1, 2048) >= substr(%(start)b, 1, 2048) AND key >= %(start)b
  AND substr(key, 1, 2048) <= substr(%(end)b, 1, 2048) AND key < %(end)b LIMIT %(limit)s
"""

_PUT = """
INSERT INTO rempart.records SELECT * FROM unnest(%b::bytea[], %b::bigint[], %b::bytea[])
  ON CONFLICT (substr(key, 1, 2048), sha256(substr(key, 2049)))
  DO UPDATE SET version = excluded.version, value = excluded.value
"""

_DELETE = """
DELETE FROM rempart.records r USING unnest(%b::bytea[]) AS k(key)
  WHERE substr(r.key, 1, 2048) = substr(k.key, 1, 2048) AND r.key = k.key
"""

_PAYLOADS = "INSERT INTO rempart.payloads SELECT * FROM unnest(%b::bigint[], %b::bytea[])"

_ENTRIES = """
INSERT INTO rempart.entries
  SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bytea[], %b::bytea[], %b::bytea[])
"""

_PRUNED = """
UPDATE rempart.entries e SET content = ''
  FROM unnest(%b::text[], %b::bigint[]) AS p(feed, index)
  WHERE e.feed = p.feed AND e.index = p.index
"""

_ENDS = """
INSERT INTO rempart.feeds SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bytea[])
  ON CONFLICT (name) DO UPDATE SET size = excluded.size, chain = excluded.chain
"""

_LEASES = """
INSERT INTO rempart.leases
  SELECT * FROM unnest(%b::text[], %b::text[], %b::bigint[], %b::float8[])
  ON CONFLICT (name) DO UPDATE
  SET holder = excluded.holder, fence = excluded.fence, expires = excluded.expires
"""


_HELD_PAYLOADS = "SELECT id FROM rempart.payloads WHERE id = ANY(%b::bigint[])"
_HELD_ENDS = "SELECT name, size, chain FROM rempart.feeds WHERE name = ANY(%b::text[])"
_HELD_LEASES = (
    "SELECT name, holder, fence, expires FROM rempart.leases WHERE name = ANY(%b::text[])"
)


async def load(session: Session, asked: Question, now: float | None) -> State:
    """Take the writers' lock and read the state; to be called in a transaction."""
    async with session.pipeline():
        lock = await ask(session, _LOCK)
        versions = await ask(session, _VERSIONS, (list(asked.keys),))
        spans = [await _ask_span(session, span, asked.span_keys_max) for span in asked.spans]
        payloads = await ask(session, _HELD_PAYLOADS, (list(asked.payloads),))
        ends = await ask(session, _HELD_ENDS, (list(asked.feeds),))
        leases = await ask(session, _HELD_LEASES, (list(asked.leases),))
    version, database_now = (await fetch(lock, tuple[int, float]))[0]
    return State(
        version=version,
        now=database_now if now is None else now,
        versions=dict(await fetch(versions, tuple[Key, int])),
        span_keys={
            span: tuple(key for (key,) in await fetch(found, tuple[Key]))
            for span, found in zip(asked.spans, spans, strict=True)
        },
        payloads=frozenset(number for (number,) in await fetch(payloads, tuple[PayloadId])),
        ends={
            name: End(size, value)
            for name, size, value in await fetch(ends, tuple[str, int, bytes])
        },
        leases={
            name: Held(holder, fence, expires)
            for name, holder, fence, expires in await fetch(leases, tuple[str, str, int, float])
        },
    )


async def store(session: Session, changes: Changes) -> None:
    """Write what the group decided; to be called in the transaction that loaded."""
    async with session.pipeline():
        await ask(session, "UPDATE rempart.meta SET version = %s", (changes.version,))
        if changes.records:
            await _store_records(session, changes.records)
        if changes.payload_deletes:
            query = "DELETE FROM rempart.payloads WHERE id = ANY(%b::bigint[])"
            await ask(session, query, (list(changes.payload_deletes),))
        if changes.payloads:
            columns = (list(changes.payloads), list(changes.payloads.values()))
            await ask(session, _PAYLOADS, columns)
        if changes.entries:
            await _store_entries(session, changes)
        if changes.prunes:
            pruned = [one.feed for one in changes.prunes], [one.index for one in changes.prunes]
            await ask(session, _PRUNED, pruned)
        if changes.leases:
            await _store_leases(session, changes.leases)


async def _ask_span(session: Session, span: Span, limit: int) -> Cursor:
    return await ask(session, _SPAN_KEYS, {"start": span.start, "end": span.end, "limit": limit})


async def _store_records(session: Session, records: dict[Key, Put]) -> None:
    deleted = [key for key, put in records.items() if put.value is None]
    if deleted:
        await ask(session, _DELETE, (deleted,))
    kept = [(key, put.version, put.value) for key, put in records.items() if put.value is not None]
    if kept:
        keys, versions, values = zip(*kept, strict=True)
        await ask(session, _PUT, (list(keys), list(versions), list(values)))


async def _store_entries(session: Session, changes: Changes) -> None:
    positions = [position for position, _ in changes.entries]
    columns = (
        [position.feed for position in positions],
        [position.index for position in positions],
        [position.chain for position in positions],
        [append.entry for _, append in changes.entries],
        [append.content for _, append in changes.entries],
    )
    await ask(session, _ENTRIES, columns)
    ends = changes.ends
    sizes, chains = [end.size for end in ends.values()], [end.chain for end in ends.values()]
    await ask(session, _ENDS, (list(ends), sizes, chains))


async def _store_leases(session: Session, leases: dict[str, Held]) -> None:
    columns = (
        list(leases),
        [held.holder for held in leases.values()],
        [held.fence for held in leases.values()],
        [held.expires for held in leases.values()],
    )
    await ask(session, _LEASES, columns)
