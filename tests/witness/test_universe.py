"""A universe whose checkpoints two witnesses cosign: what it does with and without them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.keys import VerifierKey, parse_verifier_key
from rempart.tlog.note import Note, parse_note
from rempart.tlog.policy import Log, Policy, Witness, parse_policy, quorum_of
from support.universe import REMPART, Universe
from support.witness_program import WitnessProgram

SECONDS_MAX = 20


@dataclass
class Three:
    """A universe that is to have two witnesses' cosignatures, and the two."""

    universe: Universe
    pair: tuple[WitnessProgram, WitnessProgram]

    @property
    def policy(self) -> Policy:
        return parse_policy((self.universe.data / "log-policy").read_bytes())

    def demand(self) -> None:
        """Have the universe demand both, where they are now, and start it so."""
        key = self.key()
        known = [Witness(f"w{n}".encode(), one.keys[0], one.url) for n, one in enumerate(self.pair)]
        (self.universe.data / "log-policy").write_bytes(quorum_of([Log(key)], known, 2).encode())
        self.universe.restart()

    def key(self) -> VerifierKey:
        return parse_verifier_key(self.said("log", "key").strip())

    def said(self, *words: str, code: int = 0) -> str:
        done = self.universe.run(REMPART, *words, "--data", self.universe.data, code=code)
        return done.stdout + done.stderr

    def known(self) -> None:
        """Tell both witnesses of the log."""
        for one in self.pair:
            one.run("add-log", self.key().text)

    def note(self) -> Note:
        with self.universe.caller() as client:
            answer = client.get("/.log/checkpoint")
            answer.raise_for_status()
            return parse_note(answer.content)

    def size(self) -> int:
        return parse_checkpoint(self.note().text).size

    def faults(self) -> list[str]:
        with self.universe.caller() as client:
            told = client.get("/.log/witnesses").json()["witnesses"]
        return sorted(one["fault"] for one in told)

    def write(self) -> int:
        """Make an entry, and return its index."""
        universe = self.universe
        with universe.caller(universe.token()) as client:
            name = f"witnessed-{time.monotonic_ns()}"
            made = client.post(
                "/storage/v1/b",
                params={"project": universe.project},
                json={"name": name, "location": universe.location},
            )
            made.raise_for_status()
        return int(made.headers["x-rempart-receipt"].split("/")[1])

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while not holds():
            assert time.monotonic() < deadline, self.universe.log()
            time.sleep(0.05)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    path = tmp_path_factory.mktemp("three")
    for name in ("universe", "w1", "w2"):
        (path / name).mkdir()
    first, second = (
        WitnessProgram.create(path / f"w{n}" / "data", f"w.example/{n}") for n in (1, 2)
    )
    made = Three(Universe.create(path / "universe" / "data"), (first, second))
    made.known()
    for one in made.pair:
        one.start()
    certificates = made.universe.data / "log-witnesses"
    certificates.mkdir()
    for n, one in enumerate(made.pair):
        (certificates / f"w{n}.pem").write_text(one.certificate)
    yield made
    made.universe.terminate()
    for one in made.pair:
        one.stop()


def test_a_universe_publishes_what_its_witnesses_have_seen(three: Three) -> None:
    three.demand()
    index = three.write()
    three.until(lambda: three.size() > index)
    assert len(three.policy.check(three.note()).cosignatures) == 2
    assert parse_policy(three.said("log", "policy").encode()) == three.policy
    three.until(lambda: three.faults() == ["", ""])
    told = json.loads(three.said("log", "witnesses", "--json"))
    assert {one["name"] for one in told["witnesses"]} == {"w.example/1", "w.example/2"}
    assert "2 of 2" in three.said("status")


def test_without_one_of_them_the_last_checkpoint_stays_and_the_universe_works_on(
    three: Three,
) -> None:
    three.demand()
    three.until(lambda: three.faults() == ["", ""])
    three.pair[1].stop()
    index = three.write()
    three.until(lambda: three.faults() == ["", "offline"])
    assert three.size() <= index
    assert "quorum" in json.loads(three.said("log", "witnesses", "--json", code=1))["lacking"]
    assert "BAD log" in three.said("doctor", code=1)
    three.pair[1].start()
    three.demand()  # it took another port
    three.until(lambda: three.size() > index)


def test_a_store_that_was_put_back_is_told_of_and_goes_on_as_another_log(
    three: Three, tmp_path: Path
) -> None:
    universe = three.universe
    three.demand()
    universe.terminate()
    shutil.copytree(universe.data, tmp_path / "old", symlinks=True)
    universe.start()
    index = three.write()
    three.until(lambda: three.size() > index)
    universe.terminate()
    shutil.rmtree(universe.data)
    shutil.copytree(tmp_path / "old", universe.data, symlinks=True)
    universe.start()
    three.until(lambda: three.faults() == ["ahead", "ahead"])
    for words, code in (("log witnesses", 1), ("status", 0), ("doctor", 1)):
        assert "put back" in three.said(*words.split(), code=code)

    settings = universe.data / "rempart.toml"
    settings.write_text("log_number = 2\n" + settings.read_text())
    (universe.data / "log-policy").unlink()
    universe.restart()
    three.known()
    three.demand()
    three.until(lambda: three.faults() == ["", ""])
    three.policy.check(three.note())
    assert three.key().name.endswith("/2")


def test_a_policy_that_cannot_be_met_or_is_about_another_log_refuses_the_start(
    three: Three,
) -> None:
    key, path = three.key().text.encode(), three.universe.data / "log-policy"
    witness = three.pair[0].keys[0].text.encode()
    before = path.read_bytes()
    three.universe.terminate()
    (three.universe.data / "log-witnesses" / "bad.pem").write_text("no certificate")
    try:
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
