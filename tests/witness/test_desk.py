"""The witness at its desk: one root of a size, whatever is asked at once, dies or runs back."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from rempart.core.clock import Micros, World
from rempart.standalone import sealing
from rempart.tlog.keys import Signature
from rempart.tlog.note import parse_note
from rempart.tlog.submission import Submission
from rempart.witness import history, keys, logs, settings
from rempart.witness.desk import CLOCK_BACK_SECONDS_MAX, FRESH_SECONDS, ClockBack, Desk
from rempart.witness.judge import Refusal, Verdict
from rempart.witness.opened import Opened, create, open_data
from rempart.witness.record import Record, RecordProblem, file_name
from support.paper_log import ORIGIN, PaperLog

LOG = PaperLog()
MEMORY = Path("/dev/shm")


@dataclass
class Clock:
    seconds: int = 1_700_000_000

    def __call__(self) -> Micros:
        return Micros(self.seconds * 1_000_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data, key = tmp_path / "witness", tmp_path / "key"
    sealing.create_file(key, os.urandom)
    chosen = settings.checked(
        name="witness.example/w1", host="localhost", listen="127.0.0.1:0", tls="none",
        key_file=str(key),
    )  # fmt: skip
    create(data, chosen, sealing.from_file(key, bytes(16)), World())
    logs.add(data, LOG.signer.key.text)
    return data


def _open(data: Path, clock: Clock) -> Opened:
    return open_data(data, World(clock=clock), lambda: "")


async def _refused(desk: Desk, content: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await desk.add_checkpoint(content)
    return caught.value


async def test_what_it_cosigns_is_on_disk_with_both_of_its_signatures(
    data: Path, clock: Clock
) -> None:
    opened = _open(data, clock)
    signatures = await opened.desk.add_checkpoint(LOG.submission(0, 9).encode())
    kept = parse_note((data / "latest" / file_name(ORIGIN)).read_bytes())
    assert kept.text == LOG.checkpoint(9).text
    verified = kept.opened(keys.public(data))
    assert [it.signature for it in verified] == list(signatures)
    assert [it.seconds for it in verified] == [clock.seconds] * 2
    assert kept.opened([LOG.signer.key])


async def test_of_two_roots_of_one_size_submitted_at_once_one_is_cosigned(
    data: Path, clock: Clock
) -> None:
    desk = _open(data, clock).desk
    await desk.add_checkpoint(LOG.submission(0, 5).encode())
    roots = [LOG, *(LOG.forked(it) for it in range(5, 9))]
    answers = await asyncio.gather(
        *(desk.add_checkpoint(it.submission(5, 9).encode()) for it in roots * 3),
        return_exceptions=True,
    )
    given = [it for it in answers if not isinstance(it, BaseException)]
    refusals = [it for it in answers if isinstance(it, Refusal)]
    assert len(set(given)) == 1
    # The others of the winner's root state an old size that is over.
    assert len(given) + len(refusals) == len(answers)
    assert {it.verdict for it in refusals} == {Verdict.CONFLICT}
    assert {it.size for it in refusals} == {9}


async def test_of_a_smaller_and_a_larger_tree_submitted_at_once_none_rolls_back(
    data: Path, clock: Clock
) -> None:
    desk = _open(data, clock).desk
    await desk.add_checkpoint(LOG.submission(0, 5).encode())
    sizes = [30, 9, 20, 12, 40, 8]
    answers = await asyncio.gather(
        *(desk.add_checkpoint(LOG.submission(5, it).encode()) for it in sizes),
        return_exceptions=True,
    )
    won = [s for s, it in zip(sizes, answers, strict=True) if not isinstance(it, BaseException)]
    latest = desk.record.latest(ORIGIN)
    assert latest is not None
    assert won == [latest.checkpoint.size]


async def test_a_caller_that_goes_away_leaves_a_whole_record(data: Path, clock: Clock) -> None:
    desk = _open(data, clock).desk
    asking = asyncio.create_task(desk.add_checkpoint(LOG.submission(0, 9).encode()))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    refusal = await _refused(desk, LOG.forked(2).submission(0, 9).encode())
    assert (refusal.verdict, refusal.fork, refusal.size) == (Verdict.CONFLICT, True, 9)


async def test_a_fork_is_kept_as_evidence_and_once(data: Path, clock: Clock) -> None:
    desk = _open(data, clock).desk
    await desk.add_checkpoint(LOG.submission(0, 9).encode())
    other = LOG.forked(2)
    for _ in range(3):
        await _refused(desk, other.submission(9, 9).encode())
        await _refused(desk, LOG.submission(3, 9).encode())
        await _refused(desk, other.submission(9, 12).encode())
    lines = list(history.read(data))
    assert [it.kind for it in lines] == ["cosigned", "fork", "refused"]
    told = [parse_note(it.encode()) for it in lines[1].notes]
    assert [it.text for it in told] == [other.checkpoint(9).text, LOG.checkpoint(9).text]
    assert all(it.opened([LOG.signer.key]) for it in told)


def _smaller(data: Path, desk: Desk) -> list[int]:
    """Return the sizes that logs came back with, and have not grown from since."""
    sizes = {it.checkpoint.origin: it.checkpoint.size for it in desk.record.all()}
    return [line.size for line in history.standing(history.read(data), sizes)]


async def test_a_log_that_came_back_smaller_is_on_record_until_it_grows_again(
    data: Path, clock: Clock
) -> None:
    desk = _open(data, clock).desk
    await desk.add_checkpoint(LOG.submission(0, 20).encode())
    told = await _refused(desk, LOG.submission(0, 9).encode())
    assert (told.verdict, told.size) == (Verdict.CONFLICT, 20)
    assert _smaller(data, desk) == [9]
    (line,) = (it for it in history.read(data) if it.kind == history.SMALLER)
    assert (line.size, line.after, line.origin) == (9, 20, ORIGIN)
    assert parse_note(line.notes[0].encode()).opened([LOG.signer.key])
    # Who sends the latest anew, which anybody can, does not make it well.
    clock.seconds += FRESH_SECONDS + 1
    await desk.add_checkpoint(LOG.submission(20, 20).encode())
    assert _smaller(data, desk) == [9]
    await desk.add_checkpoint(LOG.submission(20, 21).encode())
    assert _smaller(data, desk) == []


async def test_a_client_that_says_an_old_size_that_is_over_is_not_taken_for_a_log_put_back(
    data: Path, clock: Clock
) -> None:
    desk = _open(data, clock).desk
    await desk.add_checkpoint(LOG.submission(0, 20).encode())
    for old, size in ((0, 20), (5, 20), (0, 30), (5, 30), (25, 30)):
        refusal = await _refused(desk, LOG.submission(old, size).encode())
        assert (refusal.verdict, refusal.size) == (Verdict.CONFLICT, 20)
    stranger = PaperLog(ORIGIN, seed=b"stranger" * 4)
    await _refused(desk, stranger.submission(0, 9).encode())
    assert [it.kind for it in history.read(data)] == ["cosigned"]


async def test_who_sends_old_checkpoints_again_and_again_fills_no_disk_and_hides_no_fork(
    data: Path, clock: Clock
) -> None:
    desk = _open(data, clock).desk
    await desk.add_checkpoint(LOG.submission(0, 40).encode())
    padding = Signature("stranger", b"\0" * 4, bytes(1000))
    for _ in range(2):
        for size in range(1, 40):
            true = LOG.submission(0, size)
            padded = true.note.with_signatures([padding])
            await _refused(desk, Submission(0, true.proof, padded).encode())
    await _refused(desk, LOG.forked(2).submission(40, 40).encode())
    kinds = [it.kind for it in history.read(data)]
    assert kinds == ["cosigned", *[history.SMALLER] * history.SMALLER_MAX, "fork"]
    assert "stranger" not in (data / history.FILE_NAME).read_text()


async def test_a_checkpoint_asked_for_again_is_not_signed_anew_at_once(
    data: Path, clock: Clock
) -> None:
    desk = _open(data, clock).desk
    first = await desk.add_checkpoint(LOG.submission(0, 9).encode())
    assert await desk.add_checkpoint(LOG.submission(9, 9).encode()) == first
    clock.seconds += FRESH_SECONDS + 1
    assert await desk.add_checkpoint(LOG.submission(9, 9).encode()) != first


async def test_a_clock_set_back_never_dates_a_cosignature_before_the_last(
    data: Path, clock: Clock
) -> None:
    desk = _open(data, clock).desk
    await desk.add_checkpoint(LOG.submission(0, 5).encode())
    began = clock.seconds
    clock.seconds -= CLOCK_BACK_SECONDS_MAX
    await desk.add_checkpoint(LOG.submission(5, 6).encode())
    latest = desk.record.latest(ORIGIN)
    assert latest is not None
    assert latest.seconds == began
    clock.seconds -= 1
    with pytest.raises(ClockBack):
        await desk.add_checkpoint(LOG.submission(6, 7).encode())


async def test_without_a_place_to_write_nothing_is_cosigned_any_more(
    data: Path, clock: Clock
) -> None:
    desk = _open(data, clock).desk
    await desk.add_checkpoint(LOG.submission(0, 5).encode())
    (data / "latest").rename(data / "gone")
    with pytest.raises(RecordProblem):
        await desk.add_checkpoint(LOG.submission(5, 6).encode())
    (data / "gone").rename(data / "latest")
    assert desk.record.fenced
    with pytest.raises(RecordProblem, match="fenced"):
        await desk.add_checkpoint(LOG.submission(5, 6).encode())
    assert await _open(data, clock).desk.add_checkpoint(LOG.submission(5, 6).encode())


async def test_a_record_that_is_not_its_own_refuses_the_start(data: Path, clock: Clock) -> None:
    await _open(data, clock).desk.add_checkpoint(LOG.submission(0, 5).encode())
    path = data / "latest" / file_name(ORIGIN)
    true = path.read_bytes()
    mine = keys.public(data)
    for false in (
        true.replace(b"\n5\n", b"\n4\n"),
        true[:-1],
        b"",
        LOG.note(5).encode(),
        LOG.forked(2).note(5).encode(),
    ):
        path.write_bytes(false)
        with pytest.raises(RecordProblem):
            Record.open(data, mine)
    path.write_bytes(true)
    path.rename(path.with_name(file_name("another")))
    with pytest.raises(RecordProblem):
        Record.open(data, mine)


def test_keys_open_with_their_secret_and_name_alone(data: Path, tmp_path: Path) -> None:
    sealing.create_file(tmp_path / "other", os.urandom)

    def opener(path: Path) -> keys.Opener:
        return lambda salt: sealing.from_file(path, salt)

    assert len(keys.load(data, "witness.example/w1", opener(tmp_path / "key"))) == 2
    for name, path in (("witness.example/w2", "key"), ("witness.example/w1", "other")):
        with pytest.raises(keys.KeysProblem):
            keys.load(data, name, opener(tmp_path / path))
    (data / keys.PUBLIC_NAME).write_text(LOG.signer.key.text + "\n")
    with pytest.raises(keys.KeysProblem):
        keys.load(data, "witness.example/w1", opener(tmp_path / "key"))


def test_killed_at_any_line_it_never_signs_two_roots_of_one_size(data: Path) -> None:
    """Sampled here; `REMPART_FAULTS=full` kills at every single line.

    In memory: a process is killed, not the machine, and the disk's time is not looked at.
    """
    every = 1 if os.environ.get("REMPART_FAULTS") == "full" else 6
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        in_memory = shutil.copytree(data, Path(folder) / "witness")
        seen = _killed(in_memory, every)
    assert len(seen) > 20
    assert not any(it["released"] and it["other"] for it in seen)
    assert any(it["killed"] and it["other"] for it in seen)
    assert any(it["killed"] and not it["other"] for it in seen)
    assert [it["released"] for it in seen if not it["killed"]] == [True]


def _killed(data: Path, every: int) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "support.witness_kills", str(data), str(every)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
