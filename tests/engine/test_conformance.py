"""What the seam promises, on every engine."""

from __future__ import annotations

import asyncio

import pytest

from engine.stores import Store
from rempart.engine.seam import (
    GENESIS,
    KEY_BYTES_MAX,
    Append,
    Batch,
    BlobId,
    Conflict,
    Engine,
    Expect,
    Fenced,
    Key,
    Missing,
    PayloadId,
    Prune,
    Span,
    chain,
)

A, B, C = Key(b"a"), Key(b"b"), Key(b"c")
ALL = Span(Key(b"\x00"), Key(b"\xff" * (KEY_BYTES_MAX + 1)))
BLOB = BlobId("0123456789abcdef" * 2)


def put(key: Key, value: bytes, version: int | None = None) -> Batch:
    expects = () if version is None else (Expect(key, version),)
    return Batch(expects=expects, puts=((key, value),))


async def keys(engine: Engine, span: Span = ALL, *, reverse: bool = False) -> list[bytes]:
    return [r.key for r in await engine.records.scan(span, limit=10_000, reverse=reverse)]


async def test_a_record_carries_the_version_of_its_commit(engine: Engine) -> None:
    first = await engine.records.commit(put(A, b"1"))
    second = await engine.records.commit(put(B, b"2"))
    assert (first.version, second.version) == (1, 2)
    record = await engine.records.get(B)
    assert record is not None
    assert (record.key, record.version, record.value) == (B, 2, b"2")
    assert await engine.records.get(C) is None


async def test_versions_go_on_rising_after_a_reopening(store: Store) -> None:
    engine = await store.open()
    await engine.records.commit(put(A, b"1"))
    await engine.records.commit(Batch(deletes=(A,)))
    engine = await store.reopen()
    assert (await engine.records.commit(put(A, b"3"))).version == 3


async def test_an_expectation_that_fails_leaves_nothing_of_its_batch(engine: Engine) -> None:
    await engine.records.commit(put(A, b"1"))
    batch = Batch(
        expects=(Expect(A, 1), Expect(B, 1)),
        deletes=(A,),
        puts=((C, b"c"),),
        payloads=((PayloadId(1), b"p"),),
        appends=(Append("f", b"e"),),
    )
    with pytest.raises(Conflict):
        await engine.records.commit(batch)
    assert await keys(engine) == [A]
    assert await engine.records.payload(PayloadId(1)) is None
    assert await engine.feeds.head("f") == (0, GENESIS)
    assert (await engine.records.commit(put(B, b"2"))).version == 2


async def test_version_zero_expects_absence(engine: Engine) -> None:
    await engine.records.commit(put(A, b"1", 0))
    with pytest.raises(Conflict):
        await engine.records.commit(put(A, b"2", 0))


async def test_a_span_that_must_be_empty_is_checked(engine: Engine) -> None:
    await engine.records.commit(put(B, b"1"))
    with pytest.raises(Conflict):
        await engine.records.commit(Batch(empties=(Span(B, C),), puts=((A, b""),)))
    await engine.records.commit(Batch(empties=(Span(A, B), Span(C, Key(b"z"))), puts=((A, b""),)))
    assert await keys(engine) == [A, B]


async def test_deletes_come_before_puts_in_a_batch(engine: Engine) -> None:
    await engine.records.commit(put(A, b"1"))
    await engine.records.commit(Batch(deletes=(A, B), puts=((A, b"2"),)))
    record = await engine.records.get(A)
    assert record is not None
    assert record.value == b"2"


async def test_batches_submitted_together_see_each_other_in_order(engine: Engine) -> None:
    results = await asyncio.gather(
        engine.records.commit(put(A, b"1", 0)),
        engine.records.commit(put(A, b"2", 0)),
        engine.records.commit(Batch(empties=(Span(A, B),))),
        engine.records.commit(Batch(deletes=(A,))),
        engine.records.commit(Batch(empties=(Span(A, B),), puts=((C, b"c"),))),
        engine.records.commit(put(A, b"3", 0)),
        return_exceptions=True,
    )
    refused = [isinstance(result, Conflict) for result in results]
    assert refused == [False, True, True, False, False, False]
    assert await keys(engine) == [A, C]


async def test_keys_order_as_unsigned_bytes(engine: Engine) -> None:
    names = [
        Key(name)
        for name in (
            b"\x00",
            b"\x00\x00",
            b"A",
            b"Z\xff",
            b"a",
            b"a\x00",
            b"\x7f",
            b"\x80",
            b"\xff",
        )
    ]
    await engine.records.commit(Batch(puts=tuple((name, b"") for name in reversed(names))))
    assert await keys(engine) == names
    assert await keys(engine, reverse=True) == names[::-1]
    assert await keys(engine, Span(Key(b"A"), Key(b"a\x00"))) == [b"A", b"Z\xff", b"a"]


async def test_the_longest_keys_stay_apart_and_in_order(engine: Engine) -> None:
    stem = bytes(range(256)) * 16
    names = [Key(stem[: KEY_BYTES_MAX - 1] + bytes([last])) for last in (0, 1, 255)]
    names += [Key(stem[:3000] + b"\xff" * 1096)]
    for name in reversed(names):
        await engine.records.commit(put(name, name[-1:], 0))
    await engine.records.commit(put(names[1], b"again", 3))
    assert await keys(engine) == names
    assert await keys(engine, Span(names[1], names[3])) == names[1:3]
    assert await keys(engine, Span(names[1], names[3]), reverse=True) == [names[2], names[1]]
    record = await engine.records.get(names[1])
    assert record is not None
    assert record.value == b"again"
    await engine.records.commit(Batch(deletes=(names[2],)))
    assert await keys(engine) == [names[0], names[1], names[3]]


async def test_a_scan_stops_at_its_limit(engine: Engine) -> None:
    await engine.records.commit(Batch(puts=((A, b""), (B, b""), (C, b""))))
    assert [r.key for r in await engine.records.scan(ALL, limit=2)] == [A, B]
    assert [r.key for r in await engine.records.scan(ALL, limit=1, reverse=True)] == [C]
    assert await engine.records.scan(ALL, limit=0) == []


async def test_payloads_come_and_go_with_their_batch(store: Store) -> None:
    engine = await store.open()
    top = PayloadId(2**63 - 1)
    batch = Batch(payloads=((PayloadId(7), b"\x00seven"), (top, b"")))
    await engine.records.commit(batch)
    engine = await store.reopen()
    assert await engine.records.payload(PayloadId(7)) == b"\x00seven"
    assert await engine.records.payload(top) == b""
    await engine.records.commit(Batch(payload_deletes=(PayloadId(7), PayloadId(8))))
    assert await engine.records.payload(PayloadId(7)) is None


async def test_a_payload_id_in_use_is_refused_and_poisons_nobody(engine: Engine) -> None:
    await engine.records.commit(Batch(payloads=((PayloadId(5), b"old"),)))
    again = Batch(puts=((A, b""),), payloads=((PayloadId(5), b"new"),))
    refused, fine = await asyncio.gather(
        engine.records.commit(again), engine.records.commit(put(B, b"")), return_exceptions=True
    )
    assert isinstance(refused, ValueError)
    assert not isinstance(fine, BaseException)
    assert await keys(engine) == [B]
    assert await engine.records.payload(PayloadId(5)) == b"old"


@pytest.mark.parametrize(
    "batch",
    [
        Batch(puts=((Key(b""), b""),)),
        Batch(puts=((Key(b"k" * (KEY_BYTES_MAX + 1)), b""),)),
        Batch(expects=(Expect(Key(b""), 0),)),
        Batch(deletes=(Key(b""),)),
        Batch(payloads=((PayloadId(0), b""),)),
        Batch(payloads=((PayloadId(2**63), b""),)),
        Batch(payloads=((PayloadId(1), b""), (PayloadId(1), b""))),
        Batch(appends=(Append("", b""),)),
        Batch(appends=(Append("a\0b", b""),)),
        Batch(prunes=(Prune("", 0),)),
        Batch(prunes=(Prune("f", -1),)),
        Batch(prunes=(Prune("f", 1 << 40),)),
    ],
)
async def test_a_batch_that_breaks_the_rules_is_refused(engine: Engine, batch: Batch) -> None:
    with pytest.raises(ValueError, match=r".+"):
        await engine.records.commit(batch)


async def test_a_feed_is_contiguous_and_chained(store: Store) -> None:
    engine = await store.open()
    first = await engine.records.commit(
        Batch(appends=(Append("f", b"0"), Append("g", b""), Append("f", b"1")))
    )
    assert [(p.feed, p.index) for p in first.positions] == [("f", 0), ("g", 0), ("f", 1)]
    engine = await store.reopen()
    second = await engine.records.commit(Batch(appends=(Append("f", b"2"),)))
    values = [chain(GENESIS, b"0")]
    values += [chain(values[0], b"1")]
    values += [chain(values[1], b"2")]
    assert second.positions[0].chain == values[2]
    assert await engine.feeds.head("f") == (3, values[2])
    read = await engine.feeds.read("f", 0, limit=10)
    assert [(e.index, e.chain, e.entry) for e in read] == [
        (0, values[0], b"0"),
        (1, values[1], b"1"),
        (2, values[2], b"2"),
    ]
    assert [e.index for e in await engine.feeds.read("f", 1, limit=1)] == [1]
    assert await engine.feeds.read("f", 3, limit=10) == []
    assert await engine.feeds.read("none", 0, limit=10) == []


async def test_a_content_can_be_pruned_and_the_chain_stands(store: Store) -> None:
    engine = await store.open()
    entries = Append("f", b"0", b"zero"), Append("f", b"1", b"one")
    await engine.records.commit(Batch(appends=entries))
    head = await engine.feeds.head("f")
    assert [e.content for e in await engine.feeds.read("f", 0, limit=9)] == [b"zero", b"one"]
    absent = Prune("f", 7), Prune("none", 0)
    await engine.records.commit(Batch(prunes=(Prune("f", 0), *absent)))
    engine = await store.reopen()
    read = await engine.feeds.read("f", 0, limit=9)
    assert [(e.entry, e.content) for e in read] == [(b"0", b""), (b"1", b"one")]
    assert await engine.feeds.head("f") == head
    assert await engine.feeds.head("none") == (0, GENESIS)


async def test_increments_by_version_lose_nothing(engine: Engine) -> None:
    async def increment() -> None:
        while True:
            record = await engine.records.get(A)
            count, version = (int(record.value), record.version) if record else (0, 0)
            try:
                await engine.records.commit(put(A, str(count + 1).encode(), version))
            except Conflict:
                continue
            return

    async def several() -> None:
        for _ in range(5):
            await increment()

    await asyncio.gather(*(several() for _ in range(8)))
    record = await engine.records.get(A)
    assert record is not None
    assert record.value == b"40"


async def test_a_cancelled_caller_harms_nobody(engine: Engine) -> None:
    tasks = [
        asyncio.create_task(engine.records.commit(put(Key(b"%d" % n), b""))) for n in range(20)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(not isinstance(result, BaseException) for result in results[1::2])
    assert {b"%d" % n for n in range(1, 20, 2)} <= set(await keys(engine))


async def test_a_lease_has_one_holder_and_a_rising_number(store: Store) -> None:
    engine = await store.open()
    first = await engine.leases.acquire("l", "me", 10)
    assert first is not None
    assert await engine.leases.acquire("l", "you", 10) is None
    store.clock.pass_seconds(9)
    extended = await engine.leases.acquire("l", "me", 10)
    assert extended is not None
    assert extended.fence == first.fence
    assert extended.expires == pytest.approx(first.expires + 9)
    store.clock.pass_seconds(11)
    engine = await store.reopen()
    second = await engine.leases.acquire("l", "you", 10)
    assert second is not None
    assert second.fence > first.fence
    store.clock.pass_seconds(11)
    third = await engine.leases.acquire("l", "you", 10)
    assert third is not None
    assert third.fence > second.fence


async def test_a_released_lease_is_free_and_its_number_never_returns(engine: Engine) -> None:
    first = await engine.leases.acquire("l", "me", 10)
    assert first is not None
    await engine.leases.release(first)
    second = await engine.leases.acquire("l", "you", 10)
    assert second is not None
    assert second.fence > first.fence
    await engine.leases.release(first)
    assert await engine.leases.acquire("l", "me", 10) is None


async def test_a_batch_under_an_older_fence_is_refused(store: Store) -> None:
    engine = await store.open()
    first = await engine.leases.acquire("l", "me", 10)
    assert first is not None
    await engine.records.commit(Batch(puts=((A, b"1"),), fence=("l", first.fence)))
    store.clock.pass_seconds(11)
    await engine.leases.acquire("l", "you", 10)
    with pytest.raises(Fenced):
        await engine.records.commit(Batch(puts=((A, b"2"),), fence=("l", first.fence)))
    with pytest.raises(Fenced):
        await engine.records.commit(Batch(puts=((A, b"2"),), fence=("unknown", 1)))
    record = await engine.records.get(A)
    assert record is not None
    assert record.value == b"1"
    await engine.records.commit(put(B, b"others go on"))


async def test_a_blob_appears_whole_when_it_is_finished(store: Store) -> None:
    engine = await store.open()
    data = bytes(range(256)) * 20_000
    writer = await engine.blobs.create(BLOB)
    await writer.write(data[:10])
    await writer.write(data[10:3_000_000])
    with pytest.raises(Missing):
        await engine.blobs.open(BLOB)
    await writer.write(data[3_000_000:])
    await writer.finish()
    await writer.abort()
    engine = await store.reopen()
    reader = await engine.blobs.open(BLOB)
    assert reader.length == len(data)
    assert await reader.read(0, len(data)) == data
    assert await reader.read(1000, 50) == data[1000:1050]
    assert await reader.read(len(data) - 3, 50) == data[-3:]
    assert await reader.read(len(data), 1) == b""
    await reader.close()


async def test_a_deleted_blob_stays_readable_to_its_reader(engine: Engine) -> None:
    writer = await engine.blobs.create(BLOB)
    await writer.write(b"body")
    await writer.finish()
    reader = await engine.blobs.open(BLOB)
    await engine.blobs.delete(BLOB)
    await engine.blobs.delete(BLOB)
    assert await reader.read(0, 4) == b"body"
    await reader.close()
    with pytest.raises(Missing):
        await engine.blobs.open(BLOB)


async def test_an_aborted_blob_leaves_nothing(engine: Engine) -> None:
    writer = await engine.blobs.create(BLOB)
    await writer.write(b"x" * 3_000_000)
    assert [blob async for blob in engine.blobs.list()] == [BLOB]
    await writer.abort()
    assert [blob async for blob in engine.blobs.list()] == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "A" * 32, "a" * 31, "a" * 33, "", "a" * 31 + "/"]
)
async def test_a_name_never_becomes_a_path(engine: Engine, name: str) -> None:
    for use in (engine.blobs.create, engine.blobs.open, engine.blobs.delete):
        with pytest.raises(ValueError, match="hexadecimal"):
            await use(BlobId(name))
