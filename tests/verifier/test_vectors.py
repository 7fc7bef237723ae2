"""The vectors of docs/spec/proof.md, read by both verifiers."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from rempart.tlog.errors import Malformed
from rempart.tlog.policy import parse_policy
from rempart.verifier.bundle import parse_bundle
from rempart.verifier.checks import Asked, verify
from rempart.verifier.readme import README
from support.proofs import edited, story
from support.second_verifier import README as README_HASH
from support.second_verifier import Refused, check, sha

VECTORS = Path(__file__).parents[2] / "docs" / "spec" / "vectors"
BUNDLE = (VECTORS / "proof.zip").read_bytes()
TOLD = json.loads((VECTORS / "proof.json").read_text())
POLICY = parse_policy(TOLD["policy"].encode())


def test_the_vector_is_what_we_write() -> None:
    assert story()[1] == BUNDLE
    assert sha(README).hex() == README_HASH


def test_both_verifiers_read_the_same_in_the_vector() -> None:
    found = verify(parse_bundle(memoryview(BUNDLE)), Asked(POLICY))
    assert [one for one in found.checks if not one.ok or one.open] == []
    second = check(BUNDLE, TOLD["policy"])
    read = [
        {"index": it.index, "commitment": it.commitment.hex(), "leafHash": it.leaf_hash.hex()}
        for it in second.entries
    ]
    assert read == TOLD["entries"]
    assert (second.size, second.root.hex()) == (TOLD["size"], TOLD["root"])
    assert [second.claims[it] for it in ("parent", "from", "to")] == [
        TOLD["parent"],
        TOLD["from"],
        TOLD["to"],
    ]
    assert sum(found.tally.kinds.values()) == len(read)


@pytest.mark.parametrize(
    "edit", TOLD["refused"], ids=lambda edit: f"{edit['member']} {edit['why']}"
)
def test_both_verifiers_refuse_what_the_vectors_alter(edit: dict[str, object]) -> None:
    at, xor = int(str(edit["at"])), int(str(edit["xor"]))

    def altered(content: bytes) -> bytes:
        return content[:at] + bytes([content[at] ^ xor]) + content[at + 1 :]

    content = edited(BUNDLE, str(edit["member"]), altered)
    with pytest.raises(Refused):
        check(content, TOLD["policy"])
    with contextlib.suppress(Malformed):
        assert not verify(parse_bundle(memoryview(content)), Asked(POLICY)).ok
