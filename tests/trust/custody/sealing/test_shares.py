from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import MnemonicError
from shamir_mnemonic.shamir import combine_mnemonics

from rempart.core.clock import system_random
from rempart.trust.custody.sealing import shares
from rempart.trust.custody.sealing.shares import ShareRefused

_FILE = Path(__file__).parents[4] / "docs/spec/vectors/slip-0039.json"
VECTORS: list[dict[str, Any]] = json.loads(_FILE.read_text())["vectors"]
KEK = bytes(range(32))
NOT_A_SHARE = "That is not a share: a word is wrong or in the wrong place. Give it again."


@st.composite
def quorums(draw: st.DrawFn) -> tuple[int, int]:
    count = draw(st.integers(shares.THRESHOLD_MIN, shares.SHARES_MAX))
    return draw(st.integers(shares.THRESHOLD_MIN, count)), count


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["shares"][0][:20])
def test_the_library_is_the_published_standard(vector: dict[str, Any]) -> None:
    if vector["secret"]:
        found = combine_mnemonics(vector["shares"], b"TREZOR")
        assert found == bytes.fromhex(vector["secret"])
    else:
        with pytest.raises(MnemonicError):
            combine_mnemonics(vector["shares"], b"TREZOR")


@settings(max_examples=60, deadline=None)
@given(kek=st.binary(min_size=32, max_size=32), quorum=quorums(), data=st.data())
def test_any_k_of_n_shares_give_the_key_back(
    kek: bytes, quorum: tuple[int, int], data: st.DataObject
) -> None:
    threshold, count = quorum
    made = shares.split(kek, threshold, count, system_random)
    some = data.draw(st.permutations(made))[:threshold]
    assert shares.combine([shares.read(share.words) for share in some]) == kek


@settings(max_examples=60, deadline=None)
@given(quorum=quorums(), data=st.data())
def test_fewer_than_k_shares_give_nothing(quorum: tuple[int, int], data: st.DataObject) -> None:
    threshold, count = quorum
    made = shares.split(KEK, threshold, count, system_random)
    some = data.draw(st.permutations(made))[: threshold - 1]
    with pytest.raises(ShareRefused):
        shares.combine(some)


def test_every_order_of_the_shares_gives_the_same_key() -> None:
    made = shares.split(KEK, 3, 3, system_random)
    assert {shares.combine(order) for order in permutations(made)} == {KEK}


@settings(max_examples=100, deadline=None)
@given(
    at=st.integers(0, shares.WORDS - 1), word=st.sampled_from(["academic", "zero", "not-a-word"])
)
def test_a_share_with_a_wrong_word_is_refused_and_not_quoted(at: int, word: str) -> None:
    words = shares.split(KEK, 2, 3, system_random)[0].words.split()
    if words[at] == word:
        return
    words[at] = word
    with pytest.raises(ShareRefused) as refusal:
        shares.read(" ".join(words))
    assert str(refusal.value) == NOT_A_SHARE


def test_a_share_is_read_however_it_is_spaced_and_written() -> None:
    share = shares.split(KEK, 2, 3, system_random)[1]
    assert shares.read(f"  {share.words.upper()}\n".replace(" ", "  ")) == share


def test_a_share_of_another_kind_of_secret_is_refused() -> None:
    # The standard's own 256-bit vector: not extendable, as wallets made them.
    with pytest.raises(ShareRefused, match="something else"):
        shares.read(VECTORS[0]["shares"][0])


def test_a_share_does_not_show_itself() -> None:
    share = shares.split(KEK, 2, 3, system_random)[0]
    assert share.words.split()[5] not in repr(share)
    assert "value" not in repr(share)
