"""The file: its vector, and every altered byte of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.clock import system_random
from rempart.trust.custody.sealing import custodian_key, document, files, shares
from rempart.trust.custody.sealing.document import Custodians, SealedRoot, SealProblem
from rempart.trust.custody.sealing.sharing import Quorum, share_out

_FILE = Path(__file__).parents[4] / "docs/spec/vectors/root-seal.json"
VECTOR: dict[str, Any] = json.loads(_FILE.read_text())
ROOT = bytes.fromhex(VECTOR["root"])


def custodians(sealed: SealedRoot) -> Custodians:
    assert isinstance(sealed.opened_by, Custodians)
    return sealed.opened_by


def opened(sealed: SealedRoot, words: list[str]) -> bytes:
    return document.unseal(sealed, shares.combine([shares.read(one) for one in words]))


def test_the_vector_opens() -> None:
    sealed = document.parse(json.dumps(VECTOR["file"]).encode())
    read = [shares.read(words) for words in VECTOR["shares"]]
    assert [one.check(sealed.id) for one in read] == [
        one.check for one in custodians(sealed).custodians
    ]
    for pair in (VECTOR["shares"][:2], VECTOR["shares"][1:]):
        assert shares.combine([shares.read(one) for one in pair]).hex() == VECTOR["kek"]
        assert opened(sealed, pair) == ROOT


def test_the_vectors_custodian_opens_their_share() -> None:
    sealed = document.parse(json.dumps(VECTOR["file_for_keys"]).encode())
    key = custodian_key.parse(json.dumps(VECTOR["custodian_key"]), custodian_key.PrivateKey)
    assert custodians(sealed).custodians[0].public_key == key.public().public_key
    asker = custodian_key.new_key("", system_random)
    request = custodian_key.request(sealed.id, 0, custodians(sealed).custodians[0], asker)
    answer = custodian_key.answer(request, key)
    assert custodian_key.open_answer(answer, asker) == VECTOR["share_for_key"]


ALTERATIONS: list[Callable[[SealedRoot], SealedRoot]] = [
    *(
        lambda sealed, at=at: msgspec.structs.replace(
            sealed, wrapped_root=flipped(sealed.wrapped_root, at)
        )
        for at in range(72)
    ),
    lambda sealed: msgspec.structs.replace(sealed, id=flipped(sealed.id, 3)),
    lambda sealed: msgspec.structs.replace(
        sealed, opened_by=msgspec.structs.replace(custodians(sealed), threshold=1)
    ),
    lambda sealed: msgspec.structs.replace(
        sealed,
        opened_by=msgspec.structs.replace(
            custodians(sealed), custodians=custodians(sealed).custodians[:2]
        ),
    ),
    lambda sealed: msgspec.structs.replace(sealed, wrapped_root=sealed.wrapped_root[:-1]),
    lambda sealed: msgspec.structs.replace(sealed, wrapped_root=b""),
]


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("alter", ALTERATIONS)
def test_an_altered_file_does_not_open(alter: Callable[[SealedRoot], SealedRoot]) -> None:
    sealed = document.parse(json.dumps(VECTOR["file"]).encode())
    with pytest.raises(SealProblem, match="altered"):
        opened(alter(sealed), VECTOR["shares"][:2])


@pytest.mark.parametrize(
    "content",
    [{}, [], VECTOR["file"] | {"more": 1}, VECTOR["file"] | {"format": "rempart-root-seal-2"}],
)
def test_a_file_of_another_form_is_refused(content: object) -> None:
    with pytest.raises(SealProblem):
        document.parse(json.dumps(content).encode())


@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_and_crash_nothing(content: bytes) -> None:
    with pytest.raises(SealProblem):
        document.parse(content)


@settings(max_examples=200)
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_file_with_an_altered_byte_opens_to_nothing_else(at: int, byte: int) -> None:
    whole = bytearray(json.dumps(VECTOR["file"]).encode())
    whole[at] = byte
    with contextlib.suppress(SealProblem):
        assert opened(document.parse(bytes(whole)), VECTOR["shares"][:2]) == ROOT


def test_old_shares_do_not_open_a_new_file_and_the_old_file_still_does() -> None:
    first, words = share_out(ROOT, Quorum(2, 3), system_random)
    second, _ = share_out(ROOT, Quorum(2, 3), system_random)
    with pytest.raises(SealProblem):
        opened(document.parse(second), list(words[:2]))
    assert opened(document.parse(first), list(words[:2])) == ROOT


def test_a_root_in_the_clear_does_not_stay_beside_a_sealed_one(tmp_path: Path) -> None:
    content, _ = share_out(ROOT, Quorum(2, 3), system_random)
    files.keep_clear(tmp_path, ROOT, system_random)
    kept = hashlib.sha256((tmp_path / "root.key").read_bytes()).digest()
    assert kept == hashlib.sha256(ROOT).digest()
    files.keep_sealed(tmp_path, content, system_random)
    assert [path.name for path in tmp_path.iterdir()] == ["root.sealed"]
    files.keep_clear(tmp_path, ROOT, system_random)
    assert [path.name for path in tmp_path.iterdir()] == ["root.key"]
