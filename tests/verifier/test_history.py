"""Two clients who were shown different trees find out, from their bundles or checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.note import sign_note
from rempart.verifier.__main__ import main
from rempart.verifier.receipts import Receipt
from support.proofs import ANN, ORIGIN, POLICY, SHOP, SIGNER, PaperProofs
from support.second_verifier import Refused, Undecided, check, check_one_history

FORKS_AT = 40


def log(size: int, *, until: PaperProofs | None = None) -> PaperProofs:
    """Return a log of the shop's entries, which goes on from `until`."""
    made = until or PaperProofs()
    while len(made.openings) < size:
        made.add(SHOP, "use", principal=ANN)
    return made


def bundle(of: PaperProofs, path: Path, **asked: Any) -> Path:
    stated = of.state(SHOP, 0, len(of.openings))
    path.write_bytes(of.bundle(0, [stated], **asked))
    return path


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy"
    path.write_bytes(POLICY.encode())
    return path


def told(policy: Path, *words: str | Path, code: int) -> list[str]:
    asked = [*map(str, words), "--policy", str(policy), "--json"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == code, done.output
    document = msgspec.json.decode(done.output)
    checks = [*(it for one in document["bundles"] for it in one["checks"]), *document["oneHistory"]]
    return [said for one in checks for said in (*one["problems"], *one["undecided"])]


def one_history(first: Path, second: Path) -> None:
    """What the second verifier says of both."""
    text = POLICY.encode().decode()
    check_one_history(check(first.read_bytes(), text), check(second.read_bytes(), text))


@pytest.mark.parametrize(("size", "other"), [(60, 60), (60, 90), (90, 60), (300, 700), (700, 300)])
def test_a_log_that_shows_two_histories_is_told_by_both_bundles(
    policy: Path, tmp_path: Path, size: int, other: int
) -> None:
    first = bundle(log(size), tmp_path / "a.zip")
    second = bundle(log(other, until=log(FORKS_AT).forked(FORKS_AT)), tmp_path / "b.zip")
    for path in (first, second):
        assert told(policy, path, code=0) == []
    [said, *_] = told(policy, first, second, code=1)
    assert said.startswith("The log has signed two histories")
    with pytest.raises(Refused):
        one_history(first, second)


@pytest.mark.parametrize("sizes", [(60, 90), (200, 300), (300, 700), (511, 513)])
def test_two_bundles_of_one_history_agree(
    policy: Path, tmp_path: Path, sizes: tuple[int, int]
) -> None:
    grown = log(sizes[0])
    first = bundle(grown, tmp_path / "a.zip")
    second = bundle(log(sizes[1], until=grown), tmp_path / "b.zip")
    assert told(policy, second, first, code=0) == []
    one_history(second, first)


def test_a_checkpoint_of_another_history_is_told_by_a_newer_bundle(
    policy: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    old.write_bytes(log(60).note().encode())
    newer = bundle(log(90, until=log(FORKS_AT).forked(FORKS_AT)), tmp_path / "b.zip")
    [said] = told(policy, newer, "--checkpoint", old, code=1)
    assert said.startswith("The log has signed two histories")
    assert told(policy, bundle(log(90), tmp_path / "c.zip"), "--checkpoint", old, code=0) == []


def test_what_is_of_another_log_is_told_with_both_names(policy: Path, tmp_path: Path) -> None:
    other = seeded_signer(f"{ORIGIN}/2", Algorithm.ED25519, b"q" * 32)
    (tmp_path / "old").write_bytes(
        sign_note(Checkpoint(other.key.name, 60, bytes(32)).text, [other], 0).encode()
    )
    path = bundle(log(60), tmp_path / "a.zip")
    [said] = told(policy, path, "--checkpoint", tmp_path / "old", code=1)
    assert said == f"The earlier checkpoint is of another log: {ORIGIN}/2, not {ORIGIN}."
    done = CliRunner().invoke(main, [str(path), "--key", other.key.text])
    assert done.exit_code == 1
    assert f"The checkpoint is of another log: {ORIGIN}, not {ORIGIN}/2." in done.output


def test_a_log_that_was_rolled_back_is_told_by_an_older_checkpoint(
    policy: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    newer.write_bytes(log(90).note().encode())
    rolled_back = bundle(log(60), tmp_path / "a.zip")
    [said] = told(policy, rolled_back, "--checkpoint", newer, code=2)
    assert "fetch a newer bundle" in said


def sparse(size: int, *, until: PaperProofs | None = None) -> PaperProofs:
    """Return a log in which others' entries stand between the shop's: few tiles tie them."""
    made = until or PaperProofs()
    while len(made.openings) < size:
        made.add("projects/other", "use")
    return made


def test_what_no_tile_tells_is_not_told(policy: Path, tmp_path: Path) -> None:
    grown = sparse(600)
    first = bundle(grown, tmp_path / "a.zip")
    stated = grown.state(SHOP, 0, len(grown.openings))
    sparse(1400, until=grown)
    second, third = tmp_path / "b.zip", tmp_path / "c.zip"
    last = grown.state(SHOP, stated + 1, len(grown.openings))
    second.write_bytes(grown.bundle(stated + 1, [last]))
    [said] = told(policy, second, first, code=2)
    assert "fetch the newer bundle with --since" in said
    with pytest.raises(Undecided):
        one_history(second, first)
    third.write_bytes(grown.bundle(stated + 1, [last], earlier=[601]))
    assert told(policy, third, first, code=0) == []
    one_history(third, first)


def test_without_a_policy_only_the_senders_word_is_told(tmp_path: Path) -> None:
    path = bundle(log(60), tmp_path / "a.zip")
    done = CliRunner().invoke(main, [str(path)])
    assert done.exit_code == 2
    assert "by the sender's own word" in done.output
    trusted = CliRunner().invoke(main, [str(path), "--key", SIGNER.key.text])
    assert trusted.exit_code == 0, trusted.output


def test_an_entry_that_is_kept_from_every_list_is_told_by_its_receipt(
    policy: Path, tmp_path: Path
) -> None:
    grown = log(60)
    grown.containers[30] = "hidden"  # what the server does with what it does not hand out
    path = bundle(grown, tmp_path / "a.zip")
    assert told(policy, path, code=0) == []
    receipts = tmp_path / "receipts"
    receipts.write_text(f"{grown.receipt(30).text}\n{grown.receipt(31).text}\n")
    [said] = told(policy, path, "--receipts", receipts, code=2)
    assert said.endswith(f"it is not of {SHOP}, was pruned, or is withheld.")
    receipts.write_text(f"{Receipt(30, grown.receipt(31).leaf).text}\n")
    wrong = told(policy, path, "--receipts", receipts, code=1)
    assert "the log has another entry there" in wrong[0]
    path.write_bytes(grown.bundle(0, [60], receipts=[30]))
    with pytest.raises(Undecided):
        check(path.read_bytes(), POLICY.encode().decode())
