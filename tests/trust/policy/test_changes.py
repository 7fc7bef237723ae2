"""Conclusions are kept while nothing they rest on is written, and never across a change."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from rempart.engine.seam import Batch, Committed, Unavailable
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.changes import Concluded
from rempart.trust.policy.organization.documents import POLICY, OrgPolicy
from rempart.trust.policy.organization.policies import Policies
from support.worlds import TestUniverse


class Fact(msgspec.Struct, frozen=True):
    value: int


FACTS: Kind[Fact] = Kind(b"!", Fact, hot=16)


async def write(sealed: SealedEngine, value: int) -> None:
    tx = sealed.transaction()
    tx.put(FACTS, "f", value=Fact(value))
    await tx.commit()


def concluded(sealed: SealedEngine, drawn: list[str]) -> Concluded[str, int]:
    async def conclude(key: str) -> int:
        drawn.append(key)
        found = await sealed.scan(FACTS, FACTS.under(key), limit=1)
        return found[0].value.value if found else 0

    return Concluded(sealed, (FACTS,), conclude)


async def test_a_conclusion_is_drawn_once_until_a_document_changes() -> None:
    sealed, drawn = TestUniverse().sealed, list[str]()
    conclusions = concluded(sealed, drawn)
    assert [await conclusions.of("f") for _ in range(3)] == [0, 0, 0]
    assert drawn == ["f"]
    await write(sealed, 7)
    assert [await conclusions.of("f") for _ in range(3)] == [7, 7, 7]
    assert drawn == ["f", "f"]


async def test_a_conclusion_that_a_change_overtook_is_not_kept() -> None:
    sealed = TestUniverse().sealed
    late = asyncio.Event()

    async def conclude(_: str) -> int:
        found = await sealed.scan(FACTS, FACTS.under("f"), limit=1)
        await late.wait()
        return found[0].value.value if found else 0

    conclusions = Concluded[str, int](sealed, (FACTS,), conclude)
    first = asyncio.create_task(conclusions.of("f"))
    await asyncio.sleep(0)
    await write(sealed, 7)
    late.set()
    assert await first == 0
    assert await conclusions.of("f") == 7


async def test_nothing_is_kept_while_a_commit_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, drawn = TestUniverse().sealed, list[str]()
    conclusions = concluded(sealed, drawn)
    commit = sealed._engine.records.commit

    async def lost(batch: object) -> None:
        raise Unavailable("the answer did not come")

    monkeypatch.setattr(sealed._engine.records, "commit", lost)
    with pytest.raises(Unavailable):
        await write(sealed, 7)
    monkeypatch.setattr(sealed._engine.records, "commit", commit)
    for _ in range(3):
        await conclusions.of("f")
    assert len(drawn) == 3
    await write(sealed, 8)
    for _ in range(3):
        assert await conclusions.of("f") == 8
    assert len(drawn) == 4


async def test_a_policy_whose_commit_was_cut_off_and_came_late_is_obeyed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealed, late = TestUniverse().sealed, list[Batch]()
    policies, commit = Policies(sealed), sealed._engine.records.commit

    async def cut_off(batch: Batch) -> Committed:
        late.append(batch)
        raise Unavailable("the answer did not come")

    tx = sealed.transaction()
    tx.put(POLICY, "organizations/1", "gcp.resourceLocations", value=OrgPolicy())
    monkeypatch.setattr(sealed._engine.records, "commit", cut_off)
    with pytest.raises(Unavailable):
        await tx.commit()
    monkeypatch.setattr(sealed._engine.records, "commit", commit)
    assert not (await policies.seen()).any
    await commit(late[0])
    await write(
        sealed, 1
    )  # engines commit in turn: what was in doubt has happened by now, or never
    assert (await policies.seen()).any
