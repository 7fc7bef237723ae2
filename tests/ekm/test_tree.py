"""The tree over the log: what is signed is the log, whatever becomes of process and disk."""

from __future__ import annotations

import base64
import errno
import hmac
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rempart.ekm.cli.log import command
from rempart.ekm.record import journal as journal_module
from rempart.ekm.record.following import Follower
from rempart.ekm.record.journal import Journal, NotRecorded
from rempart.ekm.record.segments import LogBroken, segments, walk
from rempart.ekm.tree.opening import check
from rempart.ekm.tree.sequencer import Diverged
from rempart.tlog.checking import check_consistency
from rempart.tlog.keys import parse_verifier_key
from rempart.tlog.policy import Log, quorum_of
from support import tree_kills
from support.held_log import HeldLog

ROOT = Path(tree_kills.__file__).parent.parent


@pytest.fixture
def held(tmp_path: Path) -> HeldLog:
    return HeldLog(tmp_path)


def _said(held: HeldLog, *words: str, fails: bool = False) -> str:
    done = CliRunner().invoke(command, [*words, "--data", str(held.data)])
    assert (done.exit_code != 0) == fails, done.output
    return done.output


def test_the_published_vectors_are_what_the_specification_says() -> None:
    vectors = json.loads((ROOT.parent / "docs/spec/vectors/ekm-log.json").read_text())
    seed, origin = bytes.fromhex(vectors["seed"]), vectors["origin"]

    def expanded(purpose: bytes) -> bytes:
        info = b"rempart.ekm.tree.v1\x00" + purpose + b"\x00" + origin.encode()
        return hmac.digest(seed, info + b"\x01", "sha512")[:32]

    assert expanded(b"salt").hex() == vectors["saltKey"]
    before, leaves = bytes(32), []
    for index, one in enumerate(vectors["lines"]):
        _, _, content = one["line"].rstrip("\n").split(" ", 2)
        number = index.to_bytes(8, "big")
        before = sha256(b"rempart.ekm.log.v1\x00" + before + number + content.encode()).digest()
        assert one["line"] == f"{index} {before.hex()} {content}\n"
        salt = hmac.digest(expanded(b"salt"), number, "sha256")
        entry = sha256(b"rempart.log.v1\x00" + salt + before).digest()
        leaves.append(sha256(b"\x00" + entry).digest())
        assert [salt.hex(), entry.hex()] == [one["salt"], one["entry"]]
        assert leaves[-1].hex() == one["leaf"]
    left = sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    assert sha256(b"\x01" + left + leaves[2]).hexdigest() == vectors["root"]
    text, _, _ = vectors["checkpoint"].rpartition("\n\n")
    assert text == f"{origin}\n3\n{base64.b64encode(bytes.fromhex(vectors['root'])).decode()}"
    private = Ed25519PrivateKey.from_private_bytes(expanded(b"signature"))
    signature = base64.b64encode(
        parse_verifier_key(vectors["key"]).key_id + private.sign(f"{text}\n".encode())
    )
    assert vectors["checkpoint"] == f"{text}\n\n\u2014 {origin} {signature.decode()}\n"
    believed = quorum_of([Log(parse_verifier_key(vectors["key"]))], (), 0)
    index, _, shown = check(vectors["proof"].encode(), believed)
    assert (index, shown.decode()) == (1, vectors["lines"][1]["line"].strip().split(" ", 2)[2])


async def test_a_checkpoint_covers_every_line_and_continues_the_one_before(held: HeldLog) -> None:
    running = held.sequencer()
    for count in (1, 254, 1, 1, 900):
        await held.append(count)
        await held.published(running)
    assert [one.size for one in held.seen] == [1, 255, 256, 257, 1157]
    last = held.seen[-1]
    for old in held.seen:
        proof = await running.proof(old.size, last.size)
        check_consistency(old.size, last.size, old.root, last.root, proof)
    assert "1157 entries under the checkpoint" in _said(held, "--verify")


async def test_the_tree_is_taken_up_where_it_was_or_made_anew_where_it_is_gone(
    held: HeldLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES_MAX", 20_000)
    await held.append(600)
    await held.published()
    assert len(segments(held.log)) > 2
    names = sorted(path.name for path in held.files.directory.iterdir())
    for number, name in enumerate(names):
        path = held.files.directory / name
        if name in {"key", "salt"}:
            continue
        for content in (None, b"", path.read_bytes()[:-1], bytes(path.stat().st_size)):
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            await held.append(3, says=f"{number}")
            assert (await held.published()).size == len(list(walk(held.log)))
            assert "verifies" in _said(held, "--verify")


async def test_what_was_damaged_inside_the_tree_is_found_before_a_witness_is_told(
    held: HeldLog,
) -> None:
    await held.append(600)
    running = held.sequencer()
    await held.published(running)
    path = held.files.directory / "entries"
    content = path.read_bytes()
    path.write_bytes(content[: 260 * 32] + bytes(32) + content[261 * 32 :])
    assert "not that of the log" in _said(held, "--verify", fails=True)
    with pytest.raises(OSError, match="damaged"):
        await running.proof(300, 600)
    await held.append(1)
    assert (await held.published(running)).size == 601
    assert "verifies" in _said(held, "--verify")


async def test_a_log_that_was_cut_is_not_signed_for(held: HeldLog) -> None:
    await held.append(5)
    before = segments(held.log)[0].read_bytes()
    await held.append(1)
    await held.published()
    segments(held.log)[0].write_bytes(before)
    with pytest.raises(Diverged, match="5 entries, and 6 were signed for"):
        await held.sequencer().step()
    assert "5 entries, and 6" in _said(held, "--verify", fails=True)


async def test_a_log_that_was_written_anew_is_not_signed_for(held: HeldLog) -> None:
    await held.append(300)
    seen = await held.published()
    before = (held.files.directory / "checkpoint").read_bytes()
    for path in segments(held.log):
        path.unlink()
    await held.append(400, says="y")
    assert list(walk(held.log))
    sequencer = held.sequencer()
    for _ in range(2):
        with pytest.raises(Diverged, match="first 300 entries are not those"):
            await sequencer.step()
        sequencer = held.sequencer()
    assert (held.files.directory / "checkpoint").read_bytes() == before
    assert "not those" in _said(held, "--verify", fails=True)
    assert seen.root != held.root(300)


async def test_a_sequencer_that_found_another_log_says_so_and_stops(held: HeldLog) -> None:
    await held.append(5)
    await held.published()
    segments(held.log)[0].unlink()
    sequencer = held.sequencer()
    await sequencer.run()
    assert "were signed for" in sequencer.alarm


async def test_a_line_that_is_not_on_disk_is_not_signed_for(held: HeldLog) -> None:
    await held.append(4)

    def sync(_: int) -> None:
        raise OSError(errno.EIO, "broken disk")

    journal = Journal.open(held.log, sync)
    with pytest.raises(NotRecorded):
        await journal.append(b'{"n":1}')
    await journal.close()
    assert len(list(walk(held.log))) == 5
    sequencer = held.sequencer()
    sequencer._durable = lambda: journal.head.count
    assert (await held.published(sequencer)).size == 4


async def test_lines_are_read_from_any_of_them_on(
    held: HeldLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES_MAX", 500)
    await held.append(20)
    lines = list(walk(held.log))
    for index in range(21):
        assert list(Follower.after(held.log, index).read(20)) == lines[index:]
        again = Follower.after(held.log, index)
        assert [next(iter(again.read(n + 1))) for n in range(index, 20)] == lines[index:]
    with pytest.raises(LogBroken, match="entry 20 is missing"):
        list(Follower.after(held.log, 3).read(21))
    with pytest.raises(LogBroken, match="entry 29 is missing"):
        Follower.after(held.log, 30)
    segments(held.log)[1].unlink()
    with pytest.raises(LogBroken, match="is missing"):
        list(Follower.after(held.log, 0).read(20))


def test_killed_at_any_line_it_never_signs_two_roots_of_one_size(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "support.tree_kills", str(tmp_path), "13"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(one["killed"] for one in told) > 20
    assert not told[-1]["killed"]
    assert any(one["shown"] for one in told if one["killed"])
    roots: dict[int, set[str]] = {}
    for one in told:
        for size, root in [*one["shown"], *one["after"]]:
            roots.setdefault(size, set()).add(root)
        assert one["verifies"], one
    assert all(len(each) == 1 for each in roots.values())
