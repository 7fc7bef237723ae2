"""A universe whose checkpoints two witnesses cosign: what it does with and without them."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from typing_extensions import override

from rempart.cli.collecting import Log, NotCollected
from rempart.tlog.keys import Algorithm, VerifierKey, parse_verifier_key, seeded_signer
from rempart.tlog.policy import parse_policy, quorum_of
from support.universe import REMPART, Universe
from support.witnessed import Witnessed, two_witnesses


@dataclass
class Three(Witnessed):
    """A universe that is to have two witnesses' cosignatures, and the two."""

    universe: Universe

    @property
    @override
    def data(self) -> Path:
        return self.universe.data

    @override
    def key(self) -> VerifierKey:
        return parse_verifier_key(self.said("log", "key").strip())

    @override
    def restart(self) -> None:
        self.universe.restart()

    @override
    def take_up(self) -> None:
        self.until(lambda: self.get("policy").content == self.policy_file.read_bytes())

    @override
    def get(self, path: str) -> httpx.Response:
        with self.universe.caller() as client:
            return client.get(f"/.log/{path}")

    @override
    def entry(self) -> int:
        universe = self.universe
        with universe.caller(universe.token()) as client:
            made = client.post(
                "/storage/v1/b",
                params={"project": universe.project},
                json={"name": f"witnessed-{time.monotonic_ns()}", "location": universe.location},
            )
            made.raise_for_status()
        return int(made.headers["x-rempart-receipt"].split("/")[1])

    @override
    def output(self) -> str:
        return self.universe.log()

    def said(self, *words: str, code: int = 0) -> str:
        done = self.universe.run(REMPART, *words, "--data", self.universe.data, code=code)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    path = tmp_path_factory.mktemp("three")
    (path / "universe").mkdir()
    with two_witnesses(path) as pair:
        made = Three(pair, Universe.create(path / "universe" / "data"))
        made.introduce()
        yield made
        made.universe.terminate()


def test_a_universe_publishes_what_its_witnesses_have_seen(three: Three) -> None:
    three.demand()
    index = three.entry()
    three.until(lambda: three.size() > index)
    assert len(three.policy.check(three.note()).cosignatures) == 2
    assert parse_policy(three.said("log", "policy").encode()) == three.policy
    three.until(lambda: three.faults() == ["", ""])
    told = json.loads(three.said("log", "witnesses", "--json"))
    assert {one["name"] for one in told["witnesses"]} == {"w.example/1", "w.example/2"}
    assert "2 of 2" in three.said("status")


def test_one_command_for_each_witness_counts_without_a_restart(three: Three) -> None:
    three.demand()
    before, second = three.universe.process, three.pair[1]
    assert "1 of 1 witnesses are demanded: w0" in three.said("log", "remove-witness", "w.example/2")
    assert not (three.data / "log-witnesses" / "w1.pem").exists()
    index = three.entry()
    three.until(lambda: three.size() > index)
    assert len(three.policy.check(three.note()).cosignatures) == 1
    fingerprint = second.told("certificate")["sha256"]
    add = ("log", "add-witness", second.url, second.keys[0].text, "--fingerprint", fingerprint)
    second.run("remove-log", three.key().text)
    told = three.said(*add, code=1)
    assert "2 of 2 witnesses are demanded: w0, w.example-2." in told
    assert "The new witness does not know this log. It answered 404: The log is not one" in told
    assert "Nothing new is published until that is set right" in told
    assert f"rempart witness add-log {three.key().text}" in told
    (*_, invited) = second.run("add-log", three.key().text).splitlines()
    index = three.entry()
    three.until(lambda: three.size() > index and three.faults() == ["", ""])
    assert len(three.policy.check(three.note()).cosignatures) == 2
    rempart, *words = shlex.split(invited.partition(":  ")[2])
    assert rempart == "rempart"
    assert "The new witness cosigned." in three.said(*words)
    assert "1 of 2 witnesses" in three.said("log", "set-quorum", "1")
    a_wrong_key_is_told(three)
    assert parse_policy(three.said("log", "policy").encode()) == three.policy
    assert three.universe.process is before
    assert before is not None
    assert before.poll() is None


def a_wrong_key_is_told(three: Three) -> None:
    """Name a witness by a key that is not its own, where the others are enough."""
    three.said("log", "remove-witness", "w.example-2")
    wrong = seeded_signer("w.example/2", Algorithm.COSIGNATURE_ED25519, b"w" * 32).key
    (three.data.parent / "second.pem").write_text(three.pair[1].certificate)
    known = ("--certificate", str(three.data.parent / "second.pem"), "--quorum", "1")
    told = three.said("log", "add-witness", three.pair[1].url, wrong.text, *known, code=1)
    assert "The new witness gave no cosignature of the key that you named" in told
    assert "add-log" not in told
    assert "Nothing new is published" not in told
    assert "WARN log" in three.said("doctor")


def test_no_witness_is_believed_by_a_certificate_that_nobody_confirmed(
    three: Three, tmp_path: Path
) -> None:
    three.demand()
    (first, second), kept = three.pair, three.policy_file.read_bytes()
    add = ("log", "add-witness", second.url, second.keys[0].text)
    fingerprint = second.told("certificate")["sha256"]
    (tmp_path / "other.pem").write_text(first.certificate)
    (tmp_path / "none.pem").write_text("")
    for wrong, said in (
        ((), f"say it again with --fingerprint {fingerprint}"),
        (("--fingerprint", "00" * 32), "shows another certificate"),
        (("--certificate", str(tmp_path / "other.pem")), "not the pinned one"),
        (("--certificate", str(tmp_path / "none.pem")), "no certificate"),
        (("--fingerprint", fingerprint, "--quorum", "3"), "cannot be demanded"),
        (("--fingerprint", fingerprint, "--name", "w0"), "with another key"),
        (("--fingerprint", fingerprint, "--name", "../w"), "no name"),
    ):
        assert said in three.said(*add, *wrong, code=1)
        assert three.policy_file.read_bytes() == kept
    twice = ("log", "add-witness", second.url, second.keys[1].text, "--name", "again")
    assert "count as two witnesses" in three.said(*twice, code=1)


def test_both_keys_of_a_witness_can_be_demanded_as_the_guide_shows(three: Three) -> None:
    page = (Path(__file__).parents[2] / "docs" / "witness.md").read_text()
    lines = page[page.index("**Both keys of a witness.**") :].split("```")[1].splitlines()
    witness = three.pair[0]
    own = {"log": three.key().text, "company": witness.keys[0].text}
    own |= {"company-pq": witness.keys[1].text}
    policy = ""
    for line in filter(None, lines):
        words = line.split()
        name = "log" if words[0] == "log" else words[1]
        if name in own and words[0] != "group":
            words = ["log", own["log"]] if name == "log" else [*words[:2], own[name], witness.url]
        policy += " ".join(words) + "\n"
    (three.data / "log-witnesses" / "company.pem").write_text(witness.certificate)
    three.policy_file.write_text(policy)
    three.until(lambda: parse_policy(three.get("policy").content) == three.policy)
    index = three.entry()
    three.until(lambda: three.size() > index)
    seen = three.policy.check(three.note())
    assert {it.key.algorithm for it in seen.cosignatures} == {
        Algorithm.COSIGNATURE_ED25519,
        Algorithm.COSIGNATURE_ML_DSA_44,
    }
    assert three.faults() == [""]


def test_a_policy_that_cannot_be_used_leaves_in_force_what_was(three: Three) -> None:
    three.demand()
    in_force, path = three.policy, three.policy_file
    kept = path.read_bytes()

    def problem() -> str:
        return str(three.get("witnesses").json()["policyProblem"])

    path.write_bytes(kept.replace(b"quorum quorum", b"group g 1 quorum\nquorum g"))
    assert "edit it by hand" in three.said("log", "set-quorum", "1", code=1)
    path.write_bytes(b"quorum none\n")
    three.until(lambda: "does not name this log" in problem())
    path.write_bytes(b"nonsense\n")
    three.until(lambda: "log-policy cannot be used" in problem())
    path.unlink()
    three.until(lambda: "is gone" in problem())
    assert "holds until the next start" in three.said("doctor", code=1)
    index = three.entry()
    three.until(lambda: three.size() > index)
    in_force.check(three.note())
    path.write_bytes(kept)
    three.until(lambda: not problem())


def test_without_one_of_them_the_last_checkpoint_stays_and_the_universe_works_on(
    three: Three,
) -> None:
    three.demand()
    three.until(lambda: three.faults() == ["", ""])
    three.pair[1].stop()
    index = three.entry()
    three.until(lambda: three.faults() == ["", "offline"])
    assert three.size() <= index
    lacking = json.loads(three.said("log", "witnesses", "--json", code=1))["lacking"]
    assert "cosigned by 1 of 2" in lacking
    assert "w.example/2: https://localhost" in lacking
    assert "the connection is refused" in lacking
    assert three.said("log", "witnesses", code=1).count("is refused") == 1
    doctor = three.said("doctor", code=1)
    assert "BAD  log" in doctor
    assert "the connection is refused" in doctor
    refusal = three.get(f"proof/{index}")
    assert refusal.status_code == 404
    assert "the connection is refused" in refusal.text
    with pytest.raises(NotCollected, match="the connection is refused"):
        Log(three.universe.plain_url, "", wait=0).checkpoint(index + 1)
    three.pair[1].start()
    three.demand()  # it took another port
    three.until(lambda: three.size() > index)


def test_a_store_that_was_put_back_is_told_of_and_goes_on_as_another_log(
    three: Three, tmp_path: Path
) -> None:
    universe = three.universe
    three.demand()
    put_back(three, tmp_path)
    for seen in (tmp_path / "seen", what_a_witness_saw(three, tmp_path / "shown")):
        only_what_was_kept_elsewhere_tells(three, seen)
    universe.start()
    three.until(lambda: three.faults() == ["ahead", "ahead"])
    for witness in three.pair:
        (seen,) = witness.told("status", fails=True)["smaller"]
        assert seen["origin"] == three.key().name
        assert seen["size"] < seen["after"]
    for words, code in (("log witnesses", 1), ("status", 0), ("doctor", 1)):
        assert "put back" in three.said(*words.split(), code=code)
    no_policy_has_it_published(three)

    universe.terminate()
    another_log_is_to_begin(three)
    universe.start()
    three.known()
    three.demand()
    three.until(lambda: three.faults() == ["", ""])
    three.policy.check(three.note())
    assert three.key().name.endswith("/2")
    universe.terminate()
    assert "log-number" not in three.said("verify")
    universe.start()


def put_back(three: Three, folder: Path) -> None:
    """Leave the universe stopped, on a copy from before an entry that the witnesses saw."""
    universe = three.universe
    universe.terminate()
    shutil.copytree(universe.data, folder / "old", symlinks=True)
    universe.start()
    index = three.entry()
    three.until(lambda: three.size() > index)
    (folder / "seen").write_bytes(three.note().encode())
    universe.terminate()
    shutil.rmtree(universe.data)
    shutil.copytree(folder / "old", universe.data, symlinks=True)


def what_a_witness_saw(three: Three, file: Path) -> Path:
    """Fetch a witness's latest checkpoint, as the guide says."""
    page = (Path(__file__).parents[2] / "docs" / "log.md").read_text()
    recipe = page[page.index("## What a witness saw") :].split("```sh\n")[1].split("rempart")[0]
    name = three.policy.logs[0].key.name
    for word, own in (
        ("LOGNAME", name),
        ("DIR", str(three.data)),
        ("NAME", "w0"),
        ("https://WITNESS:8447", three.pair[0].url),
        ("> seen", f"> {file}"),
    ):
        recipe = recipe.replace(word, own)
    three.universe.run("bash", "-euc", recipe)
    return file


def only_what_was_kept_elsewhere_tells(three: Three, seen: Path) -> None:
    verdict, unknown = three.said("verify").splitlines()[-2:]
    assert verdict == "Everything checks."
    assert unknown.startswith("There was nothing older to compare with")
    held = three.said("verify", "--checkpoint", str(seen), code=1)
    assert "BAD earlier" in held
    assert "nothing older" not in held


def no_policy_has_it_published(three: Three) -> None:
    """Try to do without the witnesses that tell: by commands, and by hand."""
    kept, published, second = three.policy_file.read_bytes(), three.size(), three.pair[1]
    for words in (
        ("set-quorum", "0"),
        ("remove-witness", "w0"),
        ("add-witness", second.url, second.keys[0].text, "--name", "w1", "--quorum", "1"),
    ):
        said = three.said("log", *words, code=1)
        assert "Nothing was changed" in said
        assert "log_number, docs/log.md" in said
        assert three.policy_file.read_bytes() == kept
    three.policy_file.write_bytes(quorum_of(three.policy.logs, (), 0).encode())
    three.take_up()
    index = three.entry()
    three.until(lambda: three.get("witnesses").json()["size"] > index)
    assert three.size() == published
    assert "put back" in three.said("log", "witnesses", code=1)
    three.policy_file.write_bytes(kept)


def another_log_is_to_begin(three: Three) -> None:
    """Change the log's number: before the start, what is there is still the log before."""
    settings, before = three.data / "rempart.toml", three.policy.logs[0].key.name
    settings.write_text("log_number = 2\n" + settings.read_text())
    for _ in range(2):  # before the old log's policy is removed, and after
        said = three.said("verify")
        assert f"the log {before}/2 has not begun: it does at the next start" in said
        assert "BAD" not in said
        (three.data / "log-policy").unlink(missing_ok=True)


def test_a_policy_that_cannot_be_met_or_is_about_another_log_refuses_the_start(
    three: Three,
) -> None:
    three.demand()
    key, path = three.key().text.encode(), three.universe.data / "log-policy"
    witness = three.pair[0].keys[0].text.encode()
    before = path.read_bytes()
    three.universe.terminate()
    (three.universe.data / "log-witnesses" / "bad.pem").write_text("no certificate")
    try:
        assert "counts from the next start" in three.said("log", "set-quorum", "1")
        for content, said in (
            (b"quorum none\n", "does not name this log"),
            (b"quorum\n", "cannot be used"),
            (b"log %s\nwitness w %s\nquorum w\n" % (key, witness), "too few"),
            (b"log %s\nwitness bad %s https://w/\nquorum bad\n" % (key, witness), "certificate"),
        ):
            path.write_bytes(content)
            assert said in three.said("up", code=1)
    finally:
        path.write_bytes(before)
        three.universe.start()
