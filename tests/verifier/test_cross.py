"""The universe's log against a key holder's: what is in one alone, or told otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rempart.ekm.record.chain import Head, extend
from rempart.ekm.record.segments import segment_name
from rempart.tlog.tree import leaf_hash
from rempart.verifier.cross import CLOCKS_APART_MICROS, UNDER_WAY_MICROS_MAX, Cross, crossed
from rempart.verifier.findings import Check
from rempart.verifier.leaf import decode
from rempart.verifier.receipts import Receipt

PROJECT = "projects/shop"
KEY = f"{PROJECT}/locations/eu/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
AGENT = "service-7@gcp-sa-ekms.example"
SECOND, BEGUN = 1_000_000, 1_785_000_000_000_000
SAME = {"verb": "unwrap", "resource": KEY, "reason": "CUSTOMER_INITIATED_ACCESS",
        "principal": "user:ann@shop.example", "operation": "storage.objects.get"}  # fmt: skip


@dataclass
class Two:
    """Both logs, which a test fills."""

    holder: list[dict[str, Any]] = field(default_factory=list)
    ours: list[tuple[int, str]] = field(default_factory=list)

    def entry(self, index: int, kind: str = "use", **changed: Any) -> str:
        """Add an entry of the universe's log and return its receipt."""
        facts = {"uri": "https://k.example/v0/k", "operation": SAME["operation"], "agent": AGENT}
        leaf = {
            "kind": kind,
            "time": BEGUN + index * SECOND,
            "request": f"r{index}",
            "method": "rempart.keys.unwrap",
            "principal": SAME["principal"],
            "resource": KEY,
            "container": PROJECT,
            "reason": SAME["reason"],
            "facts": facts | changed.pop("facts", {}),
        }
        self.ours.append((index, json.dumps(leaf | changed)))
        return Receipt(index, self.hash(index)).text

    def hash(self, index: int) -> bytes:
        return leaf_hash(b"commitment %d" % index)

    def asked(self, entry: str, *, at: int = 0, **changed: Any) -> None:
        """Add what the holder's log has of a request."""
        told = {"time": BEGUN + at * SECOND, "kind": "request", "status": 200, "allowed": True}
        self.holder.append(told | SAME | {"caller": AGENT, "entry": entry} | changed)

    def written(self, folder: Path) -> Path:
        head, lines = Head(), []
        for one in self.holder:
            head, line = extend(head, json.dumps(one).encode())
            lines.append(line)
        folder.mkdir(exist_ok=True)
        (folder / segment_name(0)).write_bytes(b"".join(lines))
        return folder

    def check(self, *folders: Path, end: int = 1000) -> Check:
        """Hold our log against those in folders, with what a test has of the holder in the last."""
        cross, told = Cross(PROJECT, 0, end), Check("cross")
        for index, leaf in self.ours:
            cross.note(index, self.hash(index), decode(leaf))
        crossed(cross, [*folders[:-1], self.written(folders[-1])], told)
        return told


@pytest.fixture
def two() -> Two:
    """Two logs that tell the same of three uses, the last long after."""
    made = Two()
    for index in (3, 5, 900):
        made.asked(made.entry(index), at=index)
    return made


def test_two_logs_that_tell_the_same_agree(two: Two, tmp_path: Path) -> None:
    two.holder.insert(0, {"time": 0, "kind": "start"})
    two.asked("", verb="info", resource="", at=901)
    two.asked("", resource="universes/example/rootSeals/1", at=901)
    two.asked("", resource="projects/another/locations/eu/keyRings/r", at=901)
    told = two.check(tmp_path)
    assert (told.problems, told.open) == ([], [])
    assert "3 uses" in told.shows
    assert "the root was opened 1 times" in told.shows


def test_a_use_that_the_universe_has_no_entry_of_is_named(two: Two, tmp_path: Path) -> None:
    two.asked("", at=901)
    two.asked(Receipt(3, bytes(32)).text, at=901)
    two.asked(Receipt(4, two.hash(4)).text, at=901)
    first, *others = two.check(tmp_path).problems
    assert "no entry" in first
    assert ["not of that use" in one for one in others] == [True, True]


def test_a_use_that_the_holder_does_not_know_is_named_unless_it_failed(
    two: Two, tmp_path: Path
) -> None:
    two.entry(10)
    failed = two.entry(11)
    two.entry(12, kind="refusal", facts={"entry": failed})
    told = two.check(tmp_path)
    assert [one.split(",")[0] for one in told.problems] == ["Entry 10"]


def test_a_use_after_the_end_of_the_holders_log_is_left_open(two: Two, tmp_path: Path) -> None:
    two.entry(901)
    two.entry(900 + CLOCKS_APART_MICROS // SECOND + 60)
    told = two.check(tmp_path, end=10_000)
    assert told.ok
    assert [one.split(",")[0] for one in told.open] == ["Entry 901", "Entry 1260"]
    assert told.shows == "5 uses of keys, 3 in both logs"


def test_a_use_before_one_that_the_holder_knows_is_missing_whatever_the_clocks_say(
    two: Two, tmp_path: Path
) -> None:
    two.entry(901)
    two.asked(two.entry(901 + UNDER_WAY_MICROS_MAX // SECOND + 1), at=0)
    told = two.check(tmp_path)
    assert told.open == []
    [problem] = told.problems
    assert problem.startswith("Entry 901, unwrap of ")
    assert problem.endswith("which has the later 912.")


def test_a_use_that_later_ones_may_have_overtaken_is_left_open_for_seconds(
    two: Two, tmp_path: Path
) -> None:
    two.entry(901)
    two.asked(two.entry(901 + UNDER_WAY_MICROS_MAX // SECOND), at=901)
    told = two.check(tmp_path)
    assert told.ok
    [why] = told.open
    assert why.startswith("Entry 901, ")
    assert "under way" in why


def test_a_use_is_missing_where_the_holder_knows_one_after_the_span(
    two: Two, tmp_path: Path
) -> None:
    two.entry(901)
    two.entry(905, kind="event")
    two.asked(Receipt(1001, two.hash(1001)).text, at=901)
    assert "under way" in two.check(tmp_path).open[0]
    two.entry(940, kind="event")
    assert "which has the later 1001" in two.check(tmp_path).problems[0]


def test_each_holders_log_is_looked_at_for_its_own_uses(two: Two, tmp_path: Path) -> None:
    two.written(tmp_path / "first")
    two.holder.clear()
    other: dict[str, Any] = {"facts": {"uri": "https://other.example/v0/k"}}
    two.asked(two.entry(920, **other), at=920)
    two.entry(910)
    told = two.check(tmp_path / "first", tmp_path / "other")
    assert (told.problems, len(told.open)) == ([], 1)
    two.entry(890, **other)
    told = two.check(tmp_path / "first", tmp_path / "other")
    assert [one.split(",")[0] for one in (*told.problems, *told.open)] == ["Entry 890", "Entry 910"]


def test_what_copies_of_one_log_have_in_common_counts_once(two: Two, tmp_path: Path) -> None:
    two.holder.insert(0, {"time": 0, "kind": "start"})
    two.asked("", resource="universes/example/rootSeals/1", at=901)
    before = two.holder[:]
    logs = []
    for index, name in enumerate(("first", "standby", "third"), start=905):
        two.holder[:] = before
        two.asked(two.entry(index), at=index)
        logs.append(two.written(tmp_path / name))
    told = two.check(*logs)
    assert (told.problems, told.open) == ([], [])
    assert told.shows == "6 uses of keys, each in both logs; the root was opened 1 times"


def test_one_entry_stands_for_one_request_and_one_more_on_a_broken_connection(
    two: Two, tmp_path: Path
) -> None:
    two.asked(two.entry(20), at=20)
    two.holder.append(two.holder[-1])
    assert two.check(tmp_path).ok
    two.holder.append(two.holder[-1])
    assert "3 requests" in two.check(tmp_path).problems[0]


@pytest.mark.parametrize("name", [*SAME, "caller"])
def test_what_the_two_tell_otherwise_is_named(two: Two, tmp_path: Path, name: str) -> None:
    changed = f"{PROJECT}/other" if name == "resource" else "other"
    two.asked(two.entry(30), at=30, **{name: changed})
    (problem,) = two.check(tmp_path).problems
    assert f"another {'key' if name == 'resource' else name}" in problem


def test_a_holders_log_that_was_altered_is_not_believed(two: Two, tmp_path: Path) -> None:
    path = two.written(tmp_path) / segment_name(0)
    content = path.read_bytes()
    for at in range(0, len(content), 7):
        altered = bytearray(content)
        altered[at] ^= 1
        path.write_bytes(altered)
        cross, told = Cross(PROJECT), Check("cross")
        for index, leaf in two.ours:
            cross.note(index, two.hash(index), decode(leaf))
        crossed(cross, [tmp_path], told)
        assert not told.ok or told.open


def test_a_folder_without_a_log_is_no_proof(two: Two, tmp_path: Path) -> None:
    told = Check("cross")
    crossed(Cross(), [tmp_path], told)
    assert not told.ok
    assert two.ours
