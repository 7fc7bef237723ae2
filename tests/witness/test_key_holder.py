"""A key holder whose log two witnesses cosign: what they make impossible, and what they do not."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from typing_extensions import override

from rempart.ekm.record.chain import Head, extend
from rempart.ekm.record.segments import segments, walk
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.errors import Refuted
from rempart.tlog.growth import Growth
from rempart.tlog.keys import VerifierKey, parse_verifier_key
from rempart.tlog.note import parse_note
from rempart.tlog.policy import Log, Witness, parse_policy, quorum_of
from rempart.tlog.proof import parse_proof
from rempart.tlog.tiles import bundles_of, decode_bundle, tiles_of
from rempart.tlog.tree import leaf_hash
from support.key_holder import KeyHolder, use
from support.witness_program import WitnessProgram
from support.witnessed import Witnessed, two_witnesses


@dataclass
class Three(Witnessed):
    """A key holder that is to have two witnesses' cosignatures, and the two."""

    holder: KeyHolder

    @property
    @override
    def data(self) -> Path:
        return self.holder.data

    @override
    def key(self) -> VerifierKey:
        return parse_verifier_key(self.holder.run("log", "--key").strip())

    @override
    def restart(self) -> None:
        self.holder.stop()
        self.holder.start()

    @override
    def get(self, path: str) -> httpx.Response:
        with self.holder.client() as client:
            return client.get(f"/log/{path}")

    @override
    def entry(self) -> int:
        assert self.holder.ask("wrap", use(plaintext="")).status_code == 200
        return len(self.holder.entries()) - 1

    @override
    def output(self) -> str:
        return self.get("witnesses").text

    def cosigned(self) -> None:
        """Wait until an entry of now is under a checkpoint of both."""
        index = self.entry()
        self.until(lambda: self.size() > index and self.faults() == ["", ""])


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    path = tmp_path_factory.mktemp("three")
    (path / "ekm").mkdir()
    with two_witnesses(path) as pair:
        made = Three(pair, KeyHolder.create(path / "ekm" / "data"))
        made.introduce()
        made.demand()
        yield made
        made.holder.stop()


def test_what_is_published_has_been_seen_by_the_witnesses(three: Three) -> None:
    three.cosigned()
    assert len(three.policy.check(three.note()).cosignatures) == 2
    told = json.loads(three.holder.run("log", "--verify", "--json"))
    assert told["cosignatures"] == 2
    assert told["published"] >= told["entries"] - 1
    assert parse_policy(three.get("policy").content) == three.policy
    assert three.get("key").text.strip() == three.key().text
    status = three.holder.run("status")
    assert "localhost/log: " in status
    assert "w.example/2  cosigned" in status
    told = json.loads(three.holder.run("status", "--json"))["log"]
    assert {one["name"] for one in told["witnesses"]} == {"w.example/1", "w.example/2"}


def test_an_auditor_makes_the_tree_of_what_is_public_and_learns_no_more(three: Three) -> None:
    three.cosigned()
    seen = parse_checkpoint(three.note().text)
    growth, public = Growth(), b""
    for bundle in bundles_of(seen.size):
        content = three.get(bundle.path).content
        growth.append(leaf_hash(entry) for entry in decode_bundle(content, bundle.width))
        public += content
    assert growth.root() == seen.root
    assert dict(growth.written()) == {
        tile: three.get(tile.path).content for tile in tiles_of(seen.size)
    }
    hidden = [(line.hash, leaf_hash(line.hash)) for line in walk(three.holder.data / "log")]
    assert not any(each in public for pair in hidden for each in pair)
    for path in ("tile/0/001", "tile/0/0", "proof/99999", "proof/x", "salt", ""):
        assert three.get(path).status_code == 404, path


def test_a_proof_shows_one_entry_to_whoever_believes_the_witnesses(
    three: Three, tmp_path: Path
) -> None:
    index = three.entry()
    three.cosigned()
    policy, proof = tmp_path / "policy", tmp_path / "proof"
    known = [Witness(b"w%d" % n, one.keys[0]) for n, one in enumerate(three.pair)]
    policy.write_bytes(quorum_of([Log(three.key())], known, 2).encode())
    content = three.holder.run("log", "--prove", str(index))
    proof.write_text(content)

    def checked(*, fails: bool = False) -> str:
        return three.holder.run(
            "log", "--check", str(proof), "--policy", str(policy), "--json",
            anywhere=True, fails=fails,
        )  # fmt: skip

    told = json.loads(checked())
    assert (told["index"], told["cosignatures"]) == (index, 2)
    assert json.loads(told["entry"]) == three.holder.entries()[index]
    parsed = parse_proof(content.encode())
    assert parsed.extra is not None
    for wrong in (
        content.replace(f"index {index}", f"index {index - 1}"),
        content.replace("extra ", "extra AAAA"),
        content.rpartition("\n—")[0] + "\n",
        three.holder.run("log", "--prove", str(index), "--closed"),
    ):
        assert wrong != content
        proof.write_text(wrong)
        assert "does not hold" in checked(fails=True)
    assert parse_proof(proof.read_bytes()).hashes == parsed.hashes


def test_without_one_of_them_keys_are_used_and_nothing_newer_is_published(three: Three) -> None:
    three.cosigned()
    three.pair[1].stop()
    index = three.entry()
    three.until(lambda: three.faults() == ["", "offline"])
    assert three.size() <= index
    assert "nothing newer is published" in three.holder.run("status")
    assert "the connection is refused" in three.get(f"proof/{index}").text
    three.holder.run("log", "--verify")
    three.pair[1].start()
    three.demand()  # it took another port
    three.until(lambda: three.size() > index)


def test_killed_while_it_is_asked_it_goes_on_with_the_same_tree(three: Three) -> None:
    three.cosigned()
    old, forks = three.note(), [one.run("log", "--forks") for one in three.pair]
    for _ in range(3):
        for _ in range(20):
            three.entry()
        three.holder.stop(signal.SIGKILL)
        three.holder.start()
    three.cosigned()
    three.policy.check(old)
    told = json.loads(three.holder.run("log", "--verify", "--json"))
    assert told["cosignatures"] == 2
    assert [one.run("log", "--forks") for one in three.pair] == forks


def _copy(data: Path, to: Path) -> None:
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("*.sock"))


def _put_back(three: Three, copy: Path) -> None:
    three.holder.stop()
    shutil.rmtree(three.holder.data)
    _copy(copy, three.holder.data)
    three.holder.start()


def test_an_older_copy_that_is_put_back_is_told_of_and_goes_on_as_another_log(
    three: Three, tmp_path: Path
) -> None:
    three.cosigned()
    three.holder.stop()
    _copy(three.holder.data, tmp_path / "old")
    three.holder.start()
    for _ in range(5):
        three.cosigned()
    lost = three.size()
    _put_back(three, tmp_path / "old")
    three.until(lambda: three.faults() == ["ahead", "ahead"])
    assert "ALARM" in three.holder.run("status", fails=True)
    it_grows_beyond_and_shows_nobody(three, lost)
    three.restart()
    three.until(lambda: three.faults() == ["forked", "forked"])
    assert "another tree" in three.holder.run("status", fails=True)
    assert "another tree" in (three.holder.data.parent / "ekm.err").read_text()

    settings = three.holder.data / "ekm.toml"
    settings.write_text("log_number = 2\n" + settings.read_text())
    three.policy_file.unlink()
    three.restart()
    three.known()
    three.demand()
    three.cosigned()
    assert three.key().name == "localhost/log/2"
    assert json.loads(three.holder.run("log", "--verify", "--json"))["log"] == "localhost/log/2"
    three.holder.stop()
    settings.write_text(settings.read_text().replace("log_number = 2", "log_number = 1"))
    assert "no log is gone back to" in three.holder.run("up", fails=True)
    settings.write_text(settings.read_text().replace("log_number = 1", "log_number = 2"))
    three.holder.start()


def it_grows_beyond_and_shows_nobody(three: Three, lost: int) -> None:
    """Make more entries than the witnesses saw: whoever was shown them would see a fork."""
    published, forks = three.size(), [one.run("log", "--forks") for one in three.pair]
    while three.entry() <= lost:
        pass
    three.until(lambda: three.get("witnesses").json()["size"] > lost)
    assert three.faults() == ["ahead", "ahead"]
    assert three.size() == published
    assert [one.run("log", "--forks") for one in three.pair] == forks


def _forge(log: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the log anew, as who writes to the disk can: every line chained to the one before."""
    head, lines = Head(), []
    for line in list(walk(log)):
        entry = json.loads(line.content)
        change(entry)
        head, raw = extend(head, json.dumps(entry, separators=(",", ":")).encode())
        lines.append(raw)
    for path in segments(log)[1:]:
        path.unlink()
    segments(log)[0].write_bytes(b"".join(lines))


def test_a_log_that_is_forged_from_end_to_end_is_found(three: Three, tmp_path: Path) -> None:
    three.cosigned()
    three.holder.stop()
    _copy(three.holder.data, tmp_path / "true")

    def change(entry: dict[str, Any]) -> None:
        entry.pop("remote", None)

    _forge(three.holder.data / "log", change)
    assert "signed for" in three.holder.run("log", "--verify", fails=True)
    three.holder.start()
    try:
        assert three.holder.ask("wrap", use(plaintext="")).status_code == 200
        three.until(lambda: "signed for" in three.get("witnesses").json()["alarm"])
        assert three.get("checkpoint").status_code == 503
        # Without what the disk remembers, the witnesses do.
        three.holder.stop()
        shutil.rmtree(three.holder.data / "tree")
        three.holder.start()
        three.until(lambda: three.faults() == ["forked", "forked"])
        assert three.get("checkpoint").status_code == 503
    finally:
        _put_back(three, tmp_path / "true")


def test_a_policy_that_cannot_be_met_or_is_about_another_log_refuses_the_start(
    three: Three,
) -> None:
    before = three.policy_file.read_bytes()
    three.holder.stop()
    try:
        for content, said in (
            (b"quorum none\n", "does not name this log"),
            (b"quorum\n", "cannot be used"),
        ):
            three.policy_file.write_bytes(content)
            assert said in three.holder.run("up", fails=True)
        three.policy_file.write_bytes(before)
        stranger = WitnessProgram.create(three.holder.data.parent / "w3", "w.example/3")
        demanded = quorum_of([Log(three.key())], [Witness(b"w3", stranger.keys[0])], 1)
        path = three.holder.data.parent / "another-policy"
        path.write_bytes(demanded.encode())
        said = three.holder.run("log", "--verify", "--policy", str(path), fails=True)
        assert "lacks its quorum" in said
        with pytest.raises(Refuted):
            demanded.check(parse_note(three.holder.run("log", "--checkpoint").encode()))
    finally:
        three.policy_file.write_bytes(before)
        three.holder.start()
