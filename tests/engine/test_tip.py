"""A store that lost acknowledged commits is refused; one that only crashed is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from rempart.engine.embedded.engine import EmbeddedEngine
from rempart.engine.embedded.refusals import Lost
from rempart.engine.seam import Batch, Key

KEY = b"k" * 32


async def _commit(engine: EmbeddedEngine, count: int) -> None:
    for number in range(count):
        await engine.records.commit(Batch(puts=((Key(b"k%d" % number), b"v" * 100),)))


async def _crashed_with_log(directory: Path) -> None:
    """Leave a store as a kill leaves it: its last commits in the write-ahead log alone."""
    engine = EmbeddedEngine.open(directory, KEY)
    await _commit(engine, 20)
    engine._fence.trip("a test ends it here")
    await engine.close()


async def test_a_flipped_bit_in_the_write_ahead_log_is_not_taken_for_a_crash(
    tmp_path: Path,
) -> None:
    await _crashed_with_log(tmp_path)
    log = tmp_path / "engine/records.db-wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    with pytest.raises(Lost, match="was acknowledged"):
        EmbeddedEngine.open(tmp_path, KEY)


async def test_a_log_that_was_cut_is_not_taken_for_a_crash(tmp_path: Path) -> None:
    await _crashed_with_log(tmp_path)
    log = tmp_path / "engine/records.db-wal"
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    with pytest.raises(Lost):
        EmbeddedEngine.open(tmp_path, KEY)


async def test_the_operator_may_go_on_without_what_is_lost(tmp_path: Path) -> None:
    await _crashed_with_log(tmp_path)
    (tmp_path / "engine/records.db-wal").write_bytes(b"")
    (tmp_path / "engine/tip").unlink()
    engine = EmbeddedEngine.open(tmp_path, KEY)
    await engine.close()


@pytest.mark.parametrize("content", [b"", b"\xff" * 16, b"\x00" * 7], ids=["none", "noise", "torn"])
async def test_a_tip_that_cannot_be_read_proves_nothing(tmp_path: Path, content: bytes) -> None:
    await _crashed_with_log(tmp_path)
    (tmp_path / "engine/tip").write_bytes(content)
    engine = EmbeddedEngine.open(tmp_path, KEY)
    assert await engine.records.get(Key(b"k19")) is not None
    await engine.close()


async def test_a_crash_alone_loses_nothing_and_is_not_refused(tmp_path: Path) -> None:
    await _crashed_with_log(tmp_path)
    engine = EmbeddedEngine.open(tmp_path, KEY)
    assert await engine.records.get(Key(b"k19")) is not None
    await engine.close()
