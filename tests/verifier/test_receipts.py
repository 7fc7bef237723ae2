"""Receipts as people collect them, given to the verifier."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from rempart.verifier.__main__ import main
from support.proofs import POLICY, story

LOG, BUNDLE = story()
RECEIPT = LOG.receipt(270).text


def verified(folder: Path, receipts: bytes) -> Result:
    (folder / "proof.zip").write_bytes(BUNDLE)
    (folder / "policy").write_bytes(POLICY.encode())
    (folder / "receipts").write_bytes(receipts)
    held = ("--policy", str(folder / "policy"), "--receipts", str(folder / "receipts"))
    return CliRunner().invoke(main, [str(folder / "proof.zip"), *held, "--json"])


@pytest.mark.parametrize(
    "line",
    [
        RECEIPT,
        f"x-rempart-receipt: {RECEIPT}",
        f"X-Rempart-Receipt: {RECEIPT}\r",
        f"  x-rempart-receipt:{RECEIPT}  ",
    ],
)
def test_a_receipt_is_taken_as_it_was_printed(tmp_path: Path, line: str) -> None:
    others = f"# the upload of Mars, 1er étage\n\n\r\n{RECEIPT}\n"
    done = verified(tmp_path, f"{others}{line}".encode())
    assert done.exit_code == 0, done.output
    checks = msgspec.json.decode(done.output)["bundles"][0]["checks"]
    [shown] = [one["detail"] for one in checks if one["name"] == "receipts"]
    assert shown == "3 receipts, each in the tree"  # two are the bundle's own


def test_a_receipt_that_was_printed_and_is_false_is_told(tmp_path: Path) -> None:
    forged = f"x-rempart-receipt: {RECEIPT[:-64]}{'0' * 64}"
    done = verified(tmp_path, forged.encode())
    assert done.exit_code == 1
    assert "was given, and the log has another entry there" in done.output


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/2 200",
        b"x-other: audit/1/" + b"0" * 64,
        b"x-rempart-receipt:",
        b"note x-rempart-receipt: " + RECEIPT.encode(),
        RECEIPT.upper().encode(),
        b"\xff\xfe",
    ],
)
def test_any_other_line_is_named_by_its_number(tmp_path: Path, line: bytes) -> None:
    done = verified(tmp_path, b"# mine\n" + RECEIPT.encode() + b"\n" + line + b"\n")
    assert done.exit_code == 2
    assert "receipts: line 3: " in done.output
    assert "is no receipt" in done.output
