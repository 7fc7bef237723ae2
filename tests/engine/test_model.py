"""Random programs against each engine and against a dictionary that says what should happen."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from typing_extensions import override

from engine.stores import EmbeddedStore, PostgresStore, Server, Store
from rempart.engine.seam import (
    GENESIS,
    Append,
    Batch,
    Committed,
    Conflict,
    Engine,
    Expect,
    Key,
    PayloadId,
    Prune,
    Span,
    chain,
)

Result = TypeVar("Result")

STEMS = st.sampled_from([b"", b"a", b"a/", b"a/b", b"\xff", b"k" * 2048, b"k" * 3000])
KEYS = st.builds(lambda stem, last: Key(stem + last), STEMS, st.binary(min_size=1, max_size=2))
VALUES = st.binary(max_size=40)
SPANS = st.builds(Span, KEYS, KEYS)
FEEDS = st.sampled_from(["f", "g/é"])
APPENDS = st.builds(Append, FEEDS, VALUES, VALUES)
PRUNES = st.builds(Prune, FEEDS, st.integers(0, 5))


@dataclass(frozen=True)
class Plan:
    """A batch before its payloads have numbers and its expectations are settled."""

    expects: tuple[tuple[Key, int], ...]
    empties: tuple[Span, ...]
    deletes: tuple[Key, ...]
    puts: tuple[tuple[Key, bytes], ...]
    payloads: tuple[bytes, ...]
    gone: tuple[PayloadId, ...]
    appends: tuple[Append, ...]
    prunes: tuple[Prune, ...]


def tuples(
    elements: st.SearchStrategy[Result], longest: int
) -> st.SearchStrategy[tuple[Result, ...]]:
    return st.lists(elements, max_size=longest).map(tuple)


PLANS = st.builds(
    Plan,
    expects=tuples(st.tuples(KEYS, st.sampled_from([0, 0, 1, -1])), 2),
    empties=tuples(SPANS, 1),
    deletes=tuples(KEYS, 2),
    puts=tuples(st.tuples(KEYS, VALUES), 3),
    payloads=tuples(VALUES, 2),
    gone=tuples(st.integers(1, 20).map(PayloadId), 1),
    appends=tuples(APPENDS, 3),
    prunes=tuples(PRUNES, 1),
)


class Model:
    """What the seam says, as plainly as possible."""

    def __init__(self) -> None:
        self.version = 0
        self.records: dict[bytes, tuple[int, bytes]] = {}
        self.payloads: dict[int, bytes] = {}
        self.feeds: dict[str, list[tuple[bytes, bytes, bytes]]] = {}

    def allows(self, batch: Batch) -> bool:
        versions = all(
            self.records.get(expect.key, (0, b""))[0] == expect.version for expect in batch.expects
        )
        return versions and not any(
            span.start <= key < span.end for span in batch.empties for key in self.records
        )

    def apply(self, batch: Batch) -> list[tuple[str, int, bytes]]:
        self.version += 1
        for key in batch.deletes:
            self.records.pop(key, None)
        for number in batch.payload_deletes:
            self.payloads.pop(number, None)
        for key, value in batch.puts:
            self.records[key] = (self.version, value)
        self.payloads.update(batch.payloads)
        for prune in batch.prunes:
            feed = self.feeds.get(prune.feed, [])
            if prune.index < len(feed):
                feed[prune.index] = (*feed[prune.index][:2], b"")
        positions = []
        for append in batch.appends:
            feed = self.feeds.setdefault(append.feed, [])
            value = chain(feed[-1][0] if feed else GENESIS, append.entry)
            positions.append((append.feed, len(feed), value))
            feed.append((value, append.entry, append.content))
        return positions


class EngineMachine(RuleBasedStateMachine):
    """Compares an engine with the model after each step."""

    server: ClassVar[Server | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.next_payload = 0
        self.directory = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.store: Store = self.make()
        self.engine: Engine = self.run(self.store.open())

    def make(self) -> Store:
        if self.server is None:
            return EmbeddedStore(self.directory)
        return PostgresStore(self.server.create(), self.directory)

    def run(self, work: Coroutine[None, None, Result]) -> Result:
        return self.loop.run_until_complete(work)

    @rule(batches=st.lists(PLANS, min_size=1, max_size=5))
    def commit_together(self, batches: list[Plan]) -> None:
        made = self.made(batches)
        results = self.run(self.all(made))
        for batch, result in zip(made, results, strict=True):
            if not self.model.allows(batch):
                assert isinstance(result, Conflict)
                continue
            positions = self.model.apply(batch)
            assert isinstance(result, Committed)
            assert result.version == self.model.version
            assert [(p.feed, p.index, p.chain) for p in result.positions] == positions

    def made(self, plans: list[Plan]) -> list[Batch]:
        return [self.batch(plan) for plan in plans]

    def batch(self, plan: Plan) -> Batch:
        numbers = range(self.next_payload + 1, self.next_payload + 1 + len(plan.payloads))
        self.next_payload += len(plan.payloads)
        return Batch(
            expects=tuple(
                # -1 stands for what is true before the group.
                Expect(key, self.model.records.get(key, (0, b""))[0] if version < 0 else version)
                for key, version in plan.expects
            ),
            empties=plan.empties,
            deletes=plan.deletes,
            puts=plan.puts,
            payloads=tuple((PayloadId(n), v) for n, v in zip(numbers, plan.payloads, strict=True)),
            payload_deletes=plan.gone,
            appends=plan.appends,
        )

    async def all(self, batches: list[Batch]) -> list[Committed | BaseException]:
        return await asyncio.gather(
            *(self.engine.records.commit(batch) for batch in batches), return_exceptions=True
        )

    @rule(span=SPANS, limit=st.integers(0, 5), reverse=st.booleans())
    def scan(self, span: Span, limit: int, *, reverse: bool) -> None:
        found = self.run(self.engine.records.scan(span, limit=limit, reverse=reverse))
        names = sorted(
            (key for key in self.model.records if span.start <= key < span.end), reverse=reverse
        )
        assert [(r.key, r.version, r.value) for r in found] == [
            (name, *self.model.records[name]) for name in names[:limit]
        ]

    @rule(key=KEYS)
    def get(self, key: Key) -> None:
        found = self.run(self.engine.records.get(key))
        assert (found and (found.version, found.value)) == self.model.records.get(key)

    @rule(number=st.integers(1, 30))
    def payload(self, number: int) -> None:
        found = self.run(self.engine.records.payload(PayloadId(number)))
        assert found == self.model.payloads.get(number)

    @rule(feed=FEEDS, start=st.integers(0, 5), limit=st.integers(0, 5))
    def read_feed(self, feed: str, start: int, limit: int) -> None:
        entries = self.model.feeds.get(feed, [])
        head = self.run(self.engine.feeds.head(feed))
        assert head == (len(entries), entries[-1][0] if entries else GENESIS)
        read = self.run(self.engine.feeds.read(feed, start, limit=limit))
        expected = [(start + n, *e) for n, e in enumerate(entries[start : start + limit])]
        assert [(e.index, e.chain, e.entry, e.content) for e in read] == expected

    @rule()
    def reopen(self) -> None:
        self.engine = self.run(self.store.reopen())

    @override
    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()
        shutil.rmtree(self.directory)


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_the_embedded_engine_does_what_the_model_does() -> None:
    run_state_machine_as_test(EngineMachine, settings=_settings(60))


@pytest.fixture
def server(postgres: Server) -> Iterator[None]:
    EngineMachine.server = postgres
    yield
    EngineMachine.server = None


@pytest.mark.usefixtures("server")
def test_the_distributed_engine_does_what_the_model_does() -> None:
    run_state_machine_as_test(EngineMachine, settings=_settings(10))
