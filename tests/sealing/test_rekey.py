"""Another way to keep the root: who opened it before consents, and opens it no more."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from rempart.core.clock import system_random
from rempart.trust.custody.sealing import custodian_key
from sealing.stand import Stand, command, root_in, unstarted, words_in
from support.universe import created


def test_a_rekey_changes_who_opens_the_universe_and_no_data(stand: Stand, tmp_path: Path) -> None:
    stand.open()
    with stand.universe.caller(stand.universe.token()) as caller:
        created(caller, stand.universe, "from-before")
        root = root_in(stand.data, stand.words)
        done = command("rekey", "--data", stand.data, "--to", "custodians:3/5",
                       "--shares-to", tmp_path / "new", lines=tuple(stand.words[1:]))  # fmt: skip
        assert done.returncode == 0, done.stderr
        # The running universe goes on: it has its root.
        assert caller.get("/storage/v1/b/from-before").status_code == 200
    new = words_in(tmp_path / "new")
    assert len(new) == 5
    assert root_in(stand.data, new) == root
    stand.universe.restart()
    assert "another set" in stand.unseal(stand.words[0]).stderr
    for words in new[1:4]:
        assert stand.unseal(words).returncode == 0
    stand.wait()
    with stand.universe.caller(stand.universe.token()) as caller:
        assert caller.get("/storage/v1/b/from-before").status_code == 200


def test_a_rekey_of_a_sealed_universe_makes_it_wait_for_the_new_shares(
    stand: Stand, tmp_path: Path
) -> None:
    stand.unseal(stand.words[0])
    done = command("rekey", "--data", stand.data, "--to", "custodians:2/2",
                   "--shares-to", tmp_path / "new", lines=tuple(stand.words[:2]))  # fmt: skip
    assert done.returncode == 0, done.stderr
    refused = stand.unseal(stand.words[1])
    assert "another set" in refused.stderr
    assert "0 of 2 shares are here" in refused.stderr
    for words in words_in(tmp_path / "new"):
        assert stand.unseal(words).returncode == 0
    stand.wait()


def test_without_a_quorum_nothing_is_changed(stand: Stand, tmp_path: Path) -> None:
    before = (stand.data / "root.sealed").read_bytes()
    refused = command("rekey", "--data", stand.data, "--to", "file", lines=(stand.words[0],))
    assert refused.returncode == 1
    assert "1 of 2 shares were given: nothing was done" in refused.stderr
    assert (stand.data / "root.sealed").read_bytes() == before
    assert not (stand.data / "root.key").exists()


def test_a_universe_in_the_clear_is_sealed_and_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    universe = unstarted(data)
    universe.start()
    root = (data / "root.key").read_bytes()
    sealed = command("rekey", "--data", data, "--to", "custodians:2/3",
                     "--shares-to", tmp_path / "s")  # fmt: skip
    assert sealed.returncode == 0, sealed.stderr
    assert not (data / "root.key").exists()
    assert root_in(data, words_in(tmp_path / "s")) == root
    universe.restart()
    assert "is sealed" in universe.log()
    universe.terminate()
    back = command("rekey", "--data", data, "--to", "file", lines=tuple(words_in(tmp_path / "s")))
    assert back.returncode == 0, back.stderr
    assert (data / "root.key").read_bytes() == root
    assert stat.S_IMODE((data / "root.key").stat().st_mode) == 0o600
    assert not (data / "root.sealed").exists()
    again = command("rekey", "--data", data, "--to", "file")
    assert "in a file already" in again.stderr


def test_a_key_left_in_the_clear_by_a_crash_is_removed_by_the_next_start(stand: Stand) -> None:
    (stand.data / "root.key").write_bytes(root_in(stand.data, stand.words))
    (stand.data / "root.key").chmod(0o600)
    assert "root.key is there although" in command("doctor", "--data", stand.data).stdout
    stand.universe.restart()
    assert not (stand.data / "root.key").exists()
    stand.open()


def test_custodians_with_keys_of_their_own_open_it(tmp_path: Path) -> None:
    place, data = tmp_path / "theirs", tmp_path / "data"
    place.mkdir()
    for name in ("anne", "bob", "carol"):
        assert command("custodian", "new", name, "--to", place).returncode == 0
        assert stat.S_IMODE((place / f"{name}.key").stat().st_mode) == 0o600
    keys = [word for path in sorted(place.glob("*.pub")) for word in ("--custodian", path)]
    made = command("init", "--data", data, "--seal", "custodians:2/3", *keys)
    assert made.returncode == 0, made.stderr
    stand = Stand(data, unstarted(data), [])
    stand.universe.start()
    try:
        asked = command("unseal", "--data", data, "--requests", tmp_path / "asked")
        assert asked.returncode == 0, asked.stderr
        requests = sorted((tmp_path / "asked").iterdir())
        assert [path.name for path in requests] == [
            "1-anne.request", "2-bob.request", "3-carol.request",
        ]  # fmt: skip
        wrong = command("custodian", "answer", "--key", place / "bob.key", requests[0])
        assert "not for this key" in wrong.stderr
        for name, request in (("carol", requests[2]), ("anne", requests[0])):
            answer = command("custodian", "answer", "--key", place / f"{name}.key", request)
            assert answer.returncode == 0, answer.stderr
            assert stand.unseal(answer.stdout.strip()).returncode == 0
        stand.wait()
    finally:
        stand.universe.terminate()


def test_a_custodians_key_is_never_overwritten(tmp_path: Path) -> None:
    assert command("custodian", "new", "anne", "--to", tmp_path).returncode == 0
    before = (tmp_path / "anne.key").read_bytes()
    assert "File exists" in command("custodian", "new", "anne", "--to", tmp_path).stderr
    assert (tmp_path / "anne.key").read_bytes() == before
    assert command("custodian", "new", "../anne", "--to", tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seal", "custodians:1/3", "--shares-to", "s"), "at least 2"),
        (("--seal", "custodians:2/17", "--shares-to", "s"), "no more than 16"),
        (("--seal", "custodians:two/3"), "no way to keep a root"),
        (("--seal", "custodian:2/3", "--shares-to", "s"), "no way to keep a root"),
        (("--seal", "custodians:2/3"), "on a terminal"),
        (("--seal", "file", "--shares-to", "s"), "go with custodians"),
    ],
)
def test_a_seal_that_makes_no_sense_is_refused_and_nothing_is_created(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    refused = command("init", "--data", tmp_path / "deep" / "data", *words)
    assert refused.returncode == 1
    assert told in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_public_key_tells_nothing_of_the_private_one() -> None:
    key = custodian_key.new_key("anne", system_random)
    assert key.seed.hex() not in custodian_key.line(key.public())
    assert str(key.seed) not in repr(key)
