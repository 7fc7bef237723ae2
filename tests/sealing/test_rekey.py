"""Another way to keep the root: who opened it before consents, and opens it no more."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from rempart.core.clock import system_random
from rempart.trust.custody.sealing import custodian_key
from rempart.trust.custody.sealing.document import Custodian
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


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The file of a custodian's passphrase."""
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text("correct horse battery\n")
    return path


def test_custodians_with_keys_of_their_own_open_it(tmp_path: Path, secret: Path) -> None:
    place, data = tmp_path / "theirs", tmp_path / "data"
    place.mkdir()
    for name in ("anne", "bob", "carol"):
        how = ("--no-passphrase",) if name == "bob" else ("--passphrase-file", secret)
        assert command("custodian", "new", name, "--to", place, *how).returncode == 0
        assert stat.S_IMODE((place / f"{name}.key").stat().st_mode) == 0o600
    keys = [word for path in sorted(place.glob("*.pub")) for word in ("--custodian", path)]
    made = command("init", "--data", data, "--seal", "custodians:2/3", *keys)
    assert made.returncode == 0, made.stderr
    stand = Stand(data, unstarted(data), [])
    stand.universe.start()
    try:
        asked = command("unseal", "--data", data, "--requests", tmp_path / "asked")
        assert asked.returncode == 0, asked.stderr
        codes = re.findall(r"(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}", asked.stderr)
        requests = sorted((tmp_path / "asked").iterdir())
        assert [path.name for path in requests] == [
            "1-anne.request", "2-bob.request", "3-carol.request",
        ]  # fmt: skip
        assert len(codes) == 3
        code = ("--code", codes[0].lower().replace("-", " "))
        wrong = command("custodian", "answer", "--key", place / "bob.key", requests[0], *code)
        assert "not for this key" in wrong.stderr
        for name, request in (("carol", requests[2]), ("bob", requests[1])):
            how = ("--passphrase-file", secret)
            key = place / f"{name}.key"
            answer = command("custodian", "answer", "--key", key, request, *code, *how)
            assert answer.returncode == 0, answer.stderr
            assert stand.unseal(answer.stdout.strip()).returncode == 0
        stand.wait()
    finally:
        stand.universe.terminate()


def test_a_custodian_answers_only_the_request_whose_code_they_were_told(
    tmp_path: Path, secret: Path
) -> None:
    anne = custodian_key.new_key("anne", system_random)
    share = custodian_key.seal_share("a share", anne.public().public_key, b"seal", 0)
    one = Custodian(check=b"", name="anne", public_key=b"", sealed_share=share)
    mine, stranger = (
        custodian_key.request(b"seal", 0, one, custodian_key.new_key("", system_random))
        for _ in range(2)
    )
    assert mine.code != stranger.code
    key, request = tmp_path / "anne.key", tmp_path / "request"
    sealed = custodian_key.sealed_key(anne, "correct horse battery", system_random)
    key.write_text(custodian_key.line(sealed))
    request.write_text(custodian_key.line(stranger))
    words = ("custodian", "answer", "--key", key, request, "--passphrase-file", secret)
    refused = command(*words, "--code", mine.code)
    assert "not the request whose code" in refused.stderr
    assert refused.stdout == ""
    assert "give --code" in command(*words).stderr
    secret.write_text("another horse battery\n")
    assert "does not open" in command(*words, "--code", stranger.code).stderr
    secret.write_text("correct horse battery\n")
    assert '"share-answer"' in command(*words, "--code", stranger.code).stdout


def test_a_custodians_key_is_never_overwritten(tmp_path: Path, secret: Path) -> None:
    words = ("custodian", "new", "anne", "--to", tmp_path, "--passphrase-file", secret)
    assert command(*words).returncode == 0
    before = (tmp_path / "anne.key").read_bytes()
    assert "File exists" in command(*words).stderr
    assert (tmp_path / "anne.key").read_bytes() == before
    assert command("custodian", "new", "../anne", "--to", tmp_path).returncode == 1
    assert "--passphrase-file" in command("custodian", "new", "bob", "--to", tmp_path).stderr
    assert not (tmp_path / "bob.key").exists()


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
