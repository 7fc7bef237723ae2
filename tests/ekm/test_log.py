"""The log: complete, chained, without secrets, and what any change to it does to `--verify`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rempart.ekm.model.verdict import BLOCK_RULE
from rempart.ekm.record import journal as journal_module
from rempart.ekm.record.chain import Head, extend, follows, parse
from rempart.ekm.record.entry import Entry, encoded, past_uses
from rempart.ekm.record.journal import Journal, NotRecorded
from rempart.ekm.record.segments import LogBroken, segment_name, segments, walk
from support.key_holder import ISSUER, KEY, KeyHolder, agent, b64, use


def _append(directory: Path, *contents: bytes, sync: Callable[[int], None] = os.fdatasync) -> int:
    """Append all at once, and return how many were recorded."""

    async def run() -> int:
        journal = Journal.open(directory, sync)
        done = await asyncio.gather(*map(journal.append, contents), return_exceptions=True)
        await journal.close()
        return sum(isinstance(each, int) for each in done)

    return asyncio.run(run())


def _contents(directory: Path) -> list[bytes]:
    return [line.content for line in walk(directory)]


def test_each_request_has_one_entry_that_says_who_what_and_why(holder: KeyHolder) -> None:
    body = use(plaintext=b64(b"the secret itself"), aad=b"bound to this")
    body["additionalContext"]["isKeyHealthCheck"] = True
    told = {"principal": "user:a@b", "operation": "storage.objects.get", "target": "b/o"}
    body["additionalContext"]["rempartContext"] = told
    token = holder.issuer.token(holder.audience)
    before = len(holder.entries())
    blob = holder.ask("wrap", body, token=token).json()["wrappedBlob"]
    entries = holder.entries()[before:]
    assert len(entries) == 1
    entry = entries[0]
    assert entry.items() >= {
        "kind": "request", "verb": "wrap", "key": KEY, "status": 200, "rule": "customer",
        "allowed": True, "issuer": ISSUER, "caller": agent(), "project": "123456789",
        "reason": "CUSTOMER_INITIATED_ACCESS", "healthCheck": True, "remote": "127.0.0.1", **told,
    }.items()  # fmt: skip
    content = b"".join(path.read_bytes() for path in segments(holder.data / "log"))
    for secret in (
        b"the secret",
        b64(b"the secret itself").encode(),
        blob.encode(),
        token.encode(),
    ):
        assert secret not in content


def test_what_administrators_do_is_in_the_same_log(holder: KeyHolder) -> None:
    holder.run("keys", "create", "v0/cryptospaces/blue/keys/by-officer")
    intent, outcome = holder.entries()[-2:]
    assert (intent["kind"], intent["verb"], intent["stage"]) == ("admin", "keys.create", "intent")
    assert outcome["status"] == 200
    assert outcome["detail"]["who"] == f"uid {os.getuid()}"


def test_the_past_can_be_judged_again(holder: KeyHolder) -> None:
    body = use(plaintext="")
    body["additionalContext"]["rempartContext"] = {"approval": "a.b.c~d.e.f"}
    holder.ask("wrap", body)
    holder.ask("wrap", {})
    (allowed, yes), (refused, no) = list(past_uses(holder.data / "log"))[-2:]
    assert (yes, no) == (True, False)
    assert allowed.approval == "a.b.c~d.e.f"
    assert (refused.key, refused.reason) == (KEY, None)


async def test_what_a_block_refused_is_not_judged_again(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    for rule in (f"{BLOCK_RULE}{KEY}", "no rule allows it"):
        entry = Entry(time=1, kind="request", verb="wrap", key=KEY, rule=rule, status=403)
        await journal.append(encoded(entry))
    await journal.close()
    [(use_, allowed)] = past_uses(tmp_path)
    assert (use_.key, allowed) == (KEY, False)


def test_the_log_is_shown_as_it_is_or_for_reading(holder: KeyHolder) -> None:
    holder.ask("wrap", use(plaintext=""))
    shown = holder.run("log", "--json").splitlines()
    assert json.loads(shown[-1]) == holder.entries()[-1]
    assert "verb=wrap" in holder.run("log").splitlines()[-1]


def test_verify_prints_the_head_and_known_finds_an_entry(holder: KeyHolder) -> None:
    told = json.loads(holder.run("log", "--verify", "--json"))
    known = f"{told['entries'] - 1}:{told['head']}"
    holder.ask("wrap", {})
    assert json.loads(holder.run("log", "--verify", "--json"))["entries"] == told["entries"] + 1
    holder.run("log", "--verify", "--known", known)
    forged = f"{told['entries'] - 1}:{'0' * 64}"
    assert "does not verify" in holder.run("log", "--verify", "--known", forged, fails=True)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), max_size=6))
def test_lines_read_back_and_chain(documents: list[dict[str, str]]) -> None:
    head = Head()
    for document in documents:
        content = json.dumps(document).encode()
        extended, raw = extend(head, content)
        line = parse(raw)
        assert line is not None
        assert (line.content, line.index, line.hash) == (content, head.count, extended.hash)
        assert follows(head, line)
        assert not follows(Head(head.count + 1, head.hash), line)
        head = extended


@settings(max_examples=60, deadline=None)
@given(
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
@example(where=0.83203125, bit=0)
def test_no_bit_of_the_log_can_change_unseen(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    directory = tmp_path_factory.mktemp("log")
    contents = [b'{"n":%d}' % number for number in range(6)]
    _append(directory, *contents)
    path = segments(directory)[0]
    raw = bytearray(path.read_bytes())
    raw[int(where * len(raw))] ^= 1 << bit
    path.write_bytes(raw)
    with contextlib.suppress(LogBroken):
        # A last line that was bent reads as one that was never whole, and is not shown; so do the
        # last two where the break between them was bent.
        assert _contents(directory) in (contents[:5], contents[:4])


def test_an_entry_cannot_be_left_out_moved_or_put_in(tmp_path: Path) -> None:
    _append(tmp_path, *(b'{"n":%d}' % number for number in range(5)))
    path = segments(tmp_path)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    _, foreign = extend(Head(2, bytes(32)), b'{"n":"forged"}')
    for changed in (
        [*lines[:1], *lines[2:]],
        [lines[1], lines[0], *lines[2:]],
        [*lines[:2], foreign, *lines[2:]],
        [*lines[:2], lines[1], *lines[2:]],
        lines[1:],
    ):
        path.write_bytes(b"".join(changed))
        with pytest.raises(LogBroken):
            list(walk(tmp_path))
        with pytest.raises(LogBroken):
            Journal.open(tmp_path)


@pytest.mark.parametrize("torn", [1, 10, 80, 95])
def test_a_torn_tail_is_cut_and_the_chain_goes_on(tmp_path: Path, torn: int) -> None:
    _append(tmp_path, b'{"n":0}', b'{"n":1}')
    path = segments(tmp_path)[0]
    whole = path.stat().st_size
    head = Head()
    for content in _contents(tmp_path):
        head, _ = extend(head, content)
    _, next_line = extend(head, b'{"n":"%s"}' % (b"x" * 40))
    path.write_bytes(path.read_bytes() + next_line[:torn])
    assert _contents(tmp_path) == [b'{"n":0}', b'{"n":1}']
    opened = Journal.open(tmp_path)
    assert (opened.torn, path.stat().st_size) == (torn, whole)
    assert path.with_suffix(f".torn-{whole}").read_bytes() == next_line[:torn]
    asyncio.run(opened.close())
    _append(tmp_path, b'{"n":2}')
    assert len(_contents(tmp_path)) == 3


def test_a_tail_of_zeros_is_torn_too(tmp_path: Path) -> None:
    _append(tmp_path, b'{"n":0}')
    path = segments(tmp_path)[0]
    path.write_bytes(path.read_bytes() + bytes(4096))
    _append(tmp_path, b'{"n":1}')
    assert len(_contents(tmp_path)) == 2


def test_entries_that_wait_together_are_synced_together(tmp_path: Path) -> None:
    syncs: list[int] = []
    recorded = _append(
        tmp_path, *(b'{"n":%d}' % number for number in range(100)), sync=syncs.append
    )
    assert recorded == 100
    assert len(syncs) < 10
    assert _contents(tmp_path) == [b'{"n":%d}' % number for number in range(100)]


def test_a_failed_sync_fences_the_journal_for_good(tmp_path: Path) -> None:
    failures = [OSError(errno.EIO, "broken disk")]

    def sync(_: int) -> None:
        if failures:
            raise failures.pop()

    async def run() -> None:
        journal = Journal.open(tmp_path, sync)
        for _ in range(3):
            with pytest.raises(NotRecorded):
                await journal.append(b"{}")
        assert journal.fenced
        await journal.close()

    asyncio.run(run())


def test_segments_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES_MAX", 500)
    for number in range(20):
        _append(tmp_path, b'{"n":%d}' % number)
    assert len(segments(tmp_path)) > 2
    # A crash may leave the next file empty.
    (tmp_path / segment_name(20)).touch()
    _append(tmp_path, b'{"n":20}')
    assert _contents(tmp_path).pop() == b'{"n":20}'
    segments(tmp_path)[-1].unlink()
    assert _contents(tmp_path) == [b'{"n":%d}' % number for number in range(20)]
    segments(tmp_path)[1].unlink()
    with pytest.raises(LogBroken):
        list(walk(tmp_path))
