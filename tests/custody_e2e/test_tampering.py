"""Thousands of ways to tamper with the disk, and what clients are served afterwards."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from custody_e2e.mutations import FLAWLESS, PAGE, TURNING_BACK, Mutation, Store, page_replayed
from faults import book, check, cloud
from faults.book import Book, Fields, State
from faults.cloud import CHECK_SECONDS, opened
from faults.conftest import Scale, scale, template
from rempart import app
from rempart.core.errors import CloudError
from rempart.engine.seam import EngineError

__all__ = ["scale", "template"]

pytestmark = pytest.mark.faults

TESTS = Path(__file__).parent.parent
RIGHT, ERROR, CLOSED, EARLIER, GONE, WRONG = (
    "right", "error", "does not open", "earlier", "gone", "WRONG"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """A store killed with its log unfolded, one closed, an older state, and what was promised."""

    data: Path
    folded: Path
    older: Path
    book: Book
    older_book: Book


@pytest.fixture(scope="module")
def prepared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    place = tmp_path_factory.mktemp("prepared")
    book_ = _written(template, place / "data", 32, "leave")
    _written(template, place / "folded", 32)
    older = _written(template, place / "older", 16)
    return Prepared(place / "data", place / "folded", place / "older", book_, older)


def _written(template: Path, data: Path, count: int, *words: str) -> Book:
    shutil.copytree(template, data)
    command = [sys.executable, "-m", "faults.workload", str(data), "0", str(count), *words]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    said = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    return book.read(said)


@pytest.mark.parametrize("how", [FLAWLESS, TURNING_BACK], ids=["any", "turning back"])
async def test_no_wrong_byte_is_ever_served(
    prepared: Prepared, tmp_path: Path, scale: Scale, how: tuple[Mutation, ...]
) -> None:
    chance, table, wrong = random.Random(scale.seed), Counter[tuple[str, str]](), list[str]()
    count = (7_000 if how is FLAWLESS else 3_000) if scale.full else 20 * len(how)
    for number in range(count):
        mutation = how[number % len(how)]
        # Half of the time the log is folded into the database, as after a clean stop.
        folded = mutation is page_replayed or (how is FLAWLESS and number // len(how) % 2 == 0)
        source = prepared.folded if folded else prepared.data
        store = _copied(source, prepared.older, tmp_path, chance)
        mutation(store)
        for key, outcome in (await _outcomes(store.data, prepared.book)).items():
            table[mutation.__name__, outcome] += 1
            if outcome == WRONG or (how is FLAWLESS and outcome in {EARLIER, GONE}):
                wrong.append(f"mutation {number}, {mutation.__name__}: {key} {outcome}")
    for (name, outcome), times in sorted(table.items()):
        print(f"{name:24} {outcome:16} {times}")  # noqa: T201 - figures for docs/reliability.md
    assert wrong == []
    # Mutations that nobody notices would prove nothing.
    assert sum(times for (_, outcome), times in table.items() if outcome != RIGHT) > count / 5


def _copied(source: Path, older: Path, place: Path, chance: random.Random) -> Store:
    data = place / "tampered"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(source, data)
    return Store(data, older, chance)


async def _outcomes(data: Path, promised: Book) -> dict[str, str]:
    """Read everything that was promised, and say of each what came."""
    history: dict[str, list[Fields]] = {}
    for entry in promised.acknowledged:
        for key, value in entry.changes.items():
            if value is not None and key.startswith("object/"):
                history.setdefault(key, []).append(value)
    now = book.fold(promised.acknowledged)
    try:
        async with opened(data, seed=1, seconds=CHECK_SECONDS) as universe:
            return {key: await _read(universe, key, now, values) for key, values in history.items()}
    except EngineError:
        return {"store": CLOSED}


async def _read(universe: cloud.Cloud, key: str, now: State, before: list[Fields]) -> str:
    seen = await check._look_object(universe, key)
    expected = now[key]
    if check._fits(expected, seen):
        return RIGHT
    if seen is None:
        return GONE
    if "error" in seen:
        return ERROR
    return EARLIER if any(check._fits(value, seen) for value in before) else WRONG


async def test_turning_the_whole_store_back_is_told_by_the_receipts(prepared: Prepared) -> None:
    """An older copy is a right copy: only somebody who kept a receipt can tell."""
    async with opened(prepared.older, seed=1, seconds=CHECK_SECONDS) as universe:
        checks = await app.checks(universe.engine, universe.parts)
        assert all(one.ok for one in checks)
        assert await check._log(universe, prepared.older_book.acknowledged) == []
        missing = await check._log(universe, prepared.book.acknowledged)
    assert missing
    assert all(one.startswith("the log lacks the receipt audit/") for one in missing)


async def test_a_flipped_page_of_the_log_does_not_verify(
    prepared: Prepared, tmp_path: Path
) -> None:
    chance = random.Random(5)
    told = 0
    pages = range((prepared.folded / "engine" / "records.db").stat().st_size // PAGE)
    for page in pages:
        store = _copied(prepared.folded, prepared.older, tmp_path, chance)
        content = bytearray(store.database.read_bytes())
        content[page * PAGE + 100] ^= 1
        store.database.write_bytes(content)
        told += await _refused(store.data)
    # Pages that are free, or belong to what verification does not read, may pass.
    assert told > len(pages) / 2


async def _refused(data: Path) -> bool:
    try:
        async with opened(data, seed=1, seconds=CHECK_SECONDS) as universe:
            checks = await app.checks(universe.engine, universe.parts)
            return not all(one.ok for one in checks)
    except (EngineError, CloudError):
        return True
