"""The benchmark and the demonstration run and count; how fast is not tested here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.customer_keys import DEFAULT, LEASED, customer_keys  # noqa: E402
from bench.demo import main as demonstrate  # noqa: E402
from bench.demo_keys import main as demonstrate_keys  # noqa: E402
from bench.demo_proof import main as demonstrate_proof  # noqa: E402
from bench.keys import GRPC, USES, keys  # noqa: E402
from bench.log import UNLOGGED  # noqa: E402
from bench.log_tree import grown  # noqa: E402
from bench.peers import Target  # noqa: E402
from bench.report import Figure  # noqa: E402
from bench.universe import Broken, Universe, temporary_universe  # noqa: E402

from bench import load, memory, ours, report, rows, streams, tree  # noqa: E402

LARGE_BYTES = 3 << 20
SCALE = rows.Scale(seconds=0.05, large_bytes=LARGE_BYTES, runs=1, many_objects=1200)
"""So short that the figures mean nothing; every kind of request is sent."""


@pytest.fixture(scope="module")
def universe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Universe]:
    with temporary_universe(tmp_path_factory.mktemp("bench")) as made:
        made.start()
        ours.make_bucket(made)
        yield made


@pytest.fixture(scope="module")
def target(universe: Universe) -> Target:
    return ours.targets(universe)[0]


@pytest.mark.parametrize("row", ["PUT 4 KiB, 16 connections", "PUT 3 MiB, 1 stream"])
def test_a_row_counts_what_the_server_answers(target: Target, row: str) -> None:
    found = {one.name: one for one in rows.requests(LARGE_BYTES)}
    assert found[row].measure(target, SCALE) > 0


def test_what_goes_up_over_tls_comes_down_whole(universe: Universe) -> None:
    _, tls = ours.targets(universe)
    assert streams.upload(tls.place, [tls.dialect.put("large", LARGE_BYTES)], LARGE_BYTES) > 0
    assert streams.download(tls.place, [tls.dialect.get("large")], LARGE_BYTES) > 0


def test_an_answer_of_another_length_fails_the_row(target: Target) -> None:
    load.each(target.place, [target.dialect.put("short", 10)], b"x" * 10)
    wanted = load.Load([target.dialect.get("short")], b"", 1, 0.05, answer_bytes=11)
    with pytest.raises(Broken, match="10 bytes instead of 11"):
        load.rate(target.place, wanted)
    with pytest.raises(Broken, match="a download was answered"):
        streams.download(target.place, [target.dialect.get("short")], 11)


def test_an_error_fails_the_row(target: Target) -> None:
    wanted = load.Load([target.dialect.get("absent")], b"", 1, 0.05)
    with pytest.raises(Broken, match="404"):
        load.rate(target.place, wanted)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a short name: sockets' paths are bounded."""
    return tmp_path_factory.mktemp("b")


def test_a_filled_bucket_lists_as_an_uploaded_one_does(home: Path) -> None:
    figures = {one.row: one for one in ours.lists(SCALE, home)}
    assert "list 1,000 of 1,200, middle page" in figures
    assert all(min(one.runs) > 0 for one in figures.values())


def test_every_use_of_a_key_is_measured(home: Path) -> None:
    figures = list(keys(SCALE, home))
    measured = {(one.row.partition(",")[0], one.server) for one in figures}
    assert {use.row.partition(",")[0] for use in USES} <= {row for row, _ in measured}
    assert {server for _, server in measured} == {"Rempart", GRPC}
    assert all(min(one.runs) > 0 for one in figures)


def test_objects_under_every_kind_of_key_are_measured(home: Path) -> None:
    figures = {(one.row, one.server): one for one in customer_keys(SCALE, home)}
    servers = {server for _, server in figures}
    assert {DEFAULT, "software", "external, no lease", LEASED} <= servers
    assert all(min(one.runs) > 0 for one in figures.values())


@pytest.mark.clients
def test_the_demonstration_of_keys_in_other_hands_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert demonstrate_keys() == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert "Everything checks." in told
    assert "on the disk" in told


@pytest.mark.clients
def test_the_demonstration_of_proofs_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert demonstrate_proof() == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert "Everything checks." in told
    _, *refused = " ".join(told.split()).split("no proof can be had")
    assert len(refused) == 3
    assert all("another log than this one" in one for one in refused)


async def test_a_log_grows_and_is_proved(tmp_path: Path) -> None:
    figures = await grown(tmp_path, 3000)
    assert all(min(one.runs) > 0 for one in figures)


def test_the_server_without_a_log_answers_the_same(home: Path) -> None:
    with temporary_universe(home) as made:
        made.program = UNLOGGED
        made.start()
        ours.make_bucket(made)
        target, _ = ours.targets(made)
        load.each(target.place, [target.dialect.put("one", 4)], b"four", 1)
        wanted = load.Load([target.dialect.get("one")], b"", 1, 0.05, answer_bytes=4)
        assert load.rate(target.place, wanted) > 0


def test_memory_counts_this_process_and_its_children() -> None:
    settled = "import sys; print(flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", settled], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in memory.family(os.getpid())
        assert memory.resident(os.getpid()) > memory.resident(child.pid) > 0
        now = memory.resident(child.pid)
        assert memory.peak(child.pid) >= now
    finally:
        child.communicate()


def test_a_ratio_is_taken_run_by_run() -> None:
    ours_, theirs = (
        Figure("PUT", "/s", name, runs, 0.5)
        for name, runs in (("A", (10.0, 30.0, 20.0)), ("B", (5.0, 10.0, 20.0)))
    )
    assert "| PUT | 2 [1 to 3] |" in report.ratios([ours_, theirs], [("A", "B")])


def test_figures_that_were_kept_come_back_and_the_later_count(tmp_path: Path) -> None:
    first = Figure("PUT", "/s", "A", (1.0,), 0.0)
    later = replace(first, runs=(2.0, 3.0))
    report.keep(tmp_path / "figures", [first])
    report.keep(tmp_path / "figures", [later])
    assert report.kept(tmp_path / "figures") == [later]


def test_a_changed_file_is_seen_by_its_sums(tmp_path: Path) -> None:
    tree.copy_real_tree(tmp_path / "tree", 5)
    before = tree.sums(tmp_path / "tree")
    path = tmp_path / "tree" / next(iter(before))
    path.write_bytes(path.read_bytes() + b"x")
    assert len(before) == 5
    assert tree.sums(tmp_path / "tree") != before


@pytest.mark.clients
def test_the_demonstration_carries_a_small_tree(capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("rclone") is None:
        pytest.skip("rclone is not installed on this machine")
    words = ["--files", "12", "--big-mib", "2", "--tools", "rclone,Python library"]
    assert demonstrate(words) == 0
    assert "Everything that was read back is what was written." in capsys.readouterr().out
