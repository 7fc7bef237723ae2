"""The log as it is stored, altered in every way: `rempart verify` names each."""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import apsw
import pytest
from typing_extensions import override

from rempart import app
from rempart.core.clock import World, system_random
from rempart.ekm.record.chain import Head, extend
from rempart.ekm.record.segments import segment_name
from rempart.engine.embedded.database import open_database
from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.engine.embedded.refusals import Cipher
from rempart.engine.seam import Batch, Committed, Engine, FeedEntry, Key, Record
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.note import parse_note, sign_note
from rempart.tlog.tree import leaf_hash
from rempart.trust.custody.external.caller import Use
from rempart.trust.witness.documents import HEADS, TILES
from rempart.trust.witness.key_uses import KeyUses
from rempart.trust.witness.leaf import FEED
from rempart.trust.witness.pruner import Pruner
from rempart.universe import VerifyReport
from rempart.verifier.checks import Asked
from rempart.verifier.receipts import Receipt
from support.cloud_storage import CONFIG, KEYRING, Cloud
from support.memory_engine import MemoryEngine, MemoryRecords
from support.worlds import SetClock

DAYS = 400
LOG_TAGS = (HEADS.tag, TILES.tag)
EDITS = 2000
NOTHING = Asked()


class Remembering(MemoryRecords):
    """Records that keep what each of the log's was before: what somebody could put back."""

    before: ClassVar[list[tuple[Key, Record]]] = []

    @override
    async def commit(self, batch: Batch) -> Committed:
        for key, _ in batch.puts:
            if key[:1] in LOG_TAGS and key in self.records:
                self.before.append((key, self.records[key]))
        return await super().commit(batch)


@dataclass
class Stored:
    """A universe in memory with a log that has been pruned, and what somebody holds of it."""

    engine: MemoryEngine
    parts: app.Parts
    receipts: tuple[Receipt, ...]
    older: dict[str, list[FeedEntry]]
    older_records: dict[Key, Record]

    @property
    def entries(self) -> list[FeedEntry]:
        return self.engine.records.feeds[FEED]

    @property
    def records(self) -> dict[Key, Record]:
        return self.engine.records.records


async def sequenced(cloud: Cloud) -> None:
    for _ in range(3):
        while await cloud.parts.sequencer.step():
            pass


class RememberingEngine(MemoryEngine):
    def __init__(self) -> None:
        super().__init__()
        self.records = Remembering(feeds=self.records.feeds, leases=self.records.leases)


async def stored() -> Stored:
    engine = RememberingEngine()
    Remembering.before.clear()
    cloud = await Cloud.start(engine, labels={"rempart-sensitivity": "restricted"})
    for number in range(3):
        await cloud.put(f"o{number}", b"x")
        await cloud.read(f"o{number}")
    await sequenced(cloud)
    older = copy.deepcopy(engine.records.feeds), dict(engine.records.records)
    cloud.clock.advance(DAYS * 2 * 86_400)
    await Pruner(cloud.parts.sealed, cloud.parts.log, cloud.clock, days=DAYS).run()
    for number in range(3):
        await cloud.put(f"p{number}", b"x")
    await cloud.read("p0")
    await sequenced(cloud)
    entries = engine.records.feeds[FEED]
    receipts = tuple(Receipt(one.index, leaf_hash(one.entry)) for one in entries)
    return Stored(engine, cloud.parts, receipts, *older)


async def named(of: Stored, held: Asked = NOTHING) -> str:
    """Return what is wrong, empty where nothing is."""
    checks = await app.checks(of.engine, of.parts, held=held)
    return next((one.detail for one in checks if not one.ok), "")


def flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def edited_entries(was: list[FeedEntry], chance: random.Random) -> list[FeedEntry]:
    """Return the entries with one edit: a bit, a part, an entry, their order, their end."""
    entries, at = list(was), chance.randrange(len(was) - 1)
    one, other = entries[at], entries[chance.choice([it for it in range(len(was)) if it != at])]
    name = chance.choice(("entry", "chain", "content"))

    def with_(value: bytes) -> FeedEntry:
        fields = {it: getattr(one, it) for it in ("index", "chain", "entry", "content")}
        return FeedEntry(**(fields | {name: value}))

    value: bytes = getattr(one, name)
    match chance.randrange(8):
        case 0 | 1 if value:
            entries[at] = with_(flipped(value, chance))
        case 2 if getattr(other, name) != value:
            entries[at] = with_(getattr(other, name))
        case 3 if one.content:
            entries[at] = dataclasses.replace(one, content=b"")
        case 4:
            del entries[at]
        case 5:
            entries[at], entries[at + 1] = entries[at + 1], entries[at]
        case 6:
            entries.insert(at, other)
        case _:
            del entries[at + 1 :]
    return entries


def renumbered(entries: list[FeedEntry]) -> list[FeedEntry]:
    return [dataclasses.replace(one, index=at) for at, one in enumerate(entries)]


async def test_every_edit_of_the_stored_entries_is_named() -> None:
    of, chance, missed = await stored(), random.Random(3), []
    assert await named(of, Asked(None, of.receipts)) == ""
    was = of.entries[:]
    for number in range(EDITS):
        entries = edited_entries(was, chance)
        # Whoever writes the file can give what they put there any index.
        of.entries[:] = renumbered(entries) if number % 2 else entries
        if not await named(of):
            missed.append(number)
    assert missed == []


Edit = Mapping[Key, Record | None]
"""What stands at a key instead; None: nothing."""


def edits_of_records(of: Stored, chance: random.Random) -> Iterator[Edit]:
    """Yield edits of the tiles and the head: altered, gone, swapped, as they were before."""
    kept = {key: one for key, one in of.records.items() if key[:1] in LOG_TAGS}
    for key, was in kept.items():
        for _ in range(60):
            yield {key: Record(key, was.version, flipped(was.value, chance))}
        yield {key: None}
        yield from ({key: one} for other, one in kept.items() if other != key)
    yield from ({key: one} for key, one in Remembering.before)
    yield {key: None for key in kept if key[:1] == TILES.tag}
    more = TILES.key(0, 9)
    yield {more: Record(more, 1, of.parts.sealed.seal(more, TILES.encode(b"x" * 32)))}


async def harmless(of: Stored, key: Key, record: Record) -> bool:
    """Tell whether a head is of the tree that is there, before its checkpoint was published."""
    if key[:1] != HEADS.tag:
        return False
    now = await of.parts.log.head()
    was = of.parts.sealed._open(HEADS, record).value
    return now is not None and (was.size, was.root) == (now.size, now.root)


async def test_every_edit_of_tiles_and_head_is_named() -> None:
    of, missed, count = await stored(), [], 0
    before = list(Remembering.before)
    Remembering.before[:] = [it for it in before if not await harmless(of, *it)]
    assert 0 < len(Remembering.before) < len(before)
    was = dict(of.records)
    for count, edit in enumerate(edits_of_records(of, random.Random(4)), start=1):
        of.records.clear()
        changed = {**was, **edit}
        of.records.update((key, one) for key, one in changed.items() if one is not None)
        if not await named(of):
            missed.append(count)
    assert missed == []
    assert count > 120


async def test_every_altered_record_of_the_universe_is_named() -> None:
    of, chance, missed = await stored(), random.Random(5), []
    for key, was in list(of.records.items()):
        of.records[key] = Record(key, was.version, flipped(was.value, chance))
        parts = app.assemble(of.engine, KEYRING, CONFIG, World(SetClock(), system_random))
        checks = await app.checks(of.engine, parts)
        missed += [key] if all(one.ok for one in checks) else []
        of.records[key] = was
    assert missed == []


async def test_an_older_copy_is_told_by_who_holds_a_checkpoint_or_receipts() -> None:
    of = await stored()
    newer = parse_note(await of.parts.log.checkpoint())
    assert await named(of, Asked(None, of.receipts, (newer,))) == ""
    of.entries[:] = of.older[FEED]
    of.records.clear()
    of.records.update(of.older_records)
    older = parse_note(await of.parts.log.checkpoint())
    assert await named(of, Asked(None, of.receipts[:3], (older,))) == ""
    assert "signed for" in await named(of, Asked(None, (), (newer,)))
    other = seeded_signer("log.example/2", Algorithm.ED25519, b"q" * 32)
    foreign = sign_note(newer.text.replace(of.parts.log_key.name, other.key.name), [other], 0)
    told = await named(of, Asked(None, (), (foreign,)))
    assert f"another log: log.example/2, not {of.parts.log_key.name}." in told
    assert "the log ends before" in await named(of, Asked(None, of.receipts))
    checks = await app.checks(of.engine, of.parts, held=Asked(None, of.receipts, (newer,)))
    assert [one.name for one in checks if not one.ok] == ["receipts", "earlier"]


async def test_who_brings_a_checkpoint_is_not_told_to_bring_one() -> None:
    engine = MemoryEngine()
    cloud = await Cloud.start(engine)
    await sequenced(cloud)
    held = Asked(None, (), (parse_note(await cloud.parts.log.checkpoint()),))
    await cloud.put("later", b"x")
    said = {one.name: one.detail for one in await app.checks(engine, cloud.parts)}
    assert "under none yet: have --checkpoint" in said["tree"]
    said = {one.name: one.detail for one in await app.checks(engine, cloud.parts, held=held)}
    assert said["tree"].endswith("under none yet")


async def test_what_a_holders_log_leaves_open_is_not_taken_for_right(tmp_path: Path) -> None:
    engine = MemoryEngine()
    cloud = await Cloud.start(engine)
    version = "projects/lab:demo/locations/u-here1/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
    use = Use("service-1@agents.example", version, "CUSTOMER_INITIATED_ACCESS")
    await KeyUses(cloud.parts.recorder, cloud.clock).asks(use, "unwrap", "https://k.example/k")
    await sequenced(cloud)
    started = b'{"time":1,"kind":"start"}'
    _, line = extend(Head(), started)
    (tmp_path / segment_name(0)).write_bytes(line)
    checks = await app.checks(engine, cloud.parts, held=Asked(holders=(tmp_path,)))
    [cross] = [one for one in checks if one.name == "cross"]
    assert cross.ok
    assert len(cross.undecided) == 1
    assert not VerifyReport(checks).decided


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "store"


async def opened(data: Path) -> tuple[Engine, app.Parts]:
    engine = EmbeddedEngine.open(data, KEYRING.key("engine"), on_fenced=lambda _: None)
    return engine, app.assemble(engine, KEYRING, CONFIG, World(SetClock(), system_random))


def row_edits(database: apsw.Connection) -> list[str]:
    """Return SQL that alters what the engine keeps of the log: each column, each row's place."""
    ids = [int(row[0]) for row in database.execute("SELECT id FROM entries ORDER BY id")]
    edits = [
        "UPDATE feeds SET size = size - 1",
        "UPDATE feeds SET size = size + 1",
        "UPDATE feeds SET chain = zeroblob(32)",
        "UPDATE feeds SET name = 'other'",
        "DELETE FROM feeds",
        f"UPDATE feeds SET size = size - 1; DELETE FROM entries WHERE id = {ids[-1]}",
        f"INSERT INTO entries SELECT {ids[-1] + 1}, chain, entry, content FROM entries LIMIT 1",
        "DELETE FROM records WHERE substr(key, 1, 1) = x'3d'",
        "DELETE FROM records WHERE substr(key, 1, 1) = x'3e'",
    ]
    for at in ids:
        edits += [
            f"UPDATE entries SET {name} = CAST(x'00' || substr({name}, 2) AS BLOB) WHERE id = {at}"
            for name in ("chain", "entry", "content")
        ]
        edits.append(f"UPDATE entries SET content = x'' WHERE id = {at}")
        edits.append(f"DELETE FROM entries WHERE id = {at}")
    return edits


def altered(file: Path, edit: str) -> bool:
    """Make an edit as somebody does who has the engine's key; tell whether it changed anything."""
    database = open_database(file, KEYRING.key("engine"), Cipher.AEGIS)
    tables = [f"SELECT * FROM {name}" for name in ("entries", "feeds", "records")]
    before = [list(database.writer.execute(it)) for it in tables]
    database.writer.execute(edit)
    after = [list(database.writer.execute(it)) for it in tables]
    database.close()
    return before != after


async def test_every_edit_of_the_database_is_named(data: Path) -> None:
    engine, _ = await opened(data)
    cloud = await Cloud.start(engine)
    await cloud.put("a", b"x")
    await sequenced(cloud)
    await engine.close()
    file = data / "engine" / "records.db"
    content, missed, count = file.read_bytes(), [], 0
    database = open_database(file, KEYRING.key("engine"), Cipher.AEGIS)
    edits = row_edits(database.writer)
    database.close()
    for edit in edits:
        if altered(file, edit):
            count += 1
            engine, parts = await opened(data)
            checks = await app.checks(engine, parts)
            await engine.close()
            missed += [edit] if all(one.ok for one in checks) else []
            file.write_bytes(content)
    assert missed == []
    assert count > len(edits) * 0.9
    engine, parts = await opened(data)
    assert all(one.ok for one in await app.checks(engine, parts))
    await engine.close()
