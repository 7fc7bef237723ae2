"""XAES-256-GCM against its published vectors, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import Bug
from rempart.trust.custody import xaes
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.xaes import DERIVED_KEPT, XAES256GCM

_FILE = Path(__file__).parents[3] / "docs/spec/vectors/xaes-256-gcm.json"
PUBLISHED: dict[str, Any] = json.loads(_FILE.read_text())
KEY, NONCE, AAD = bytes(range(32)), bytes(range(24)), b"bucket-key"


@pytest.mark.parametrize("vector", PUBLISHED["vectors"])
def test_published_vectors_match(vector: dict[str, str]) -> None:
    key, nonce, plain, aad, sealed = (
        bytes.fromhex(vector[name]) for name in ("key", "nonce", "plaintext", "aad", "ciphertext")
    )
    cipher = XAES256GCM(key)

    assert cipher.encrypt(nonce, plain, aad) == sealed
    assert cipher.decrypt(nonce, sealed, aad) == plain


def test_ten_thousand_accumulated_messages_match() -> None:
    stream = memoryview(hashlib.shake_128(b"").digest(10_000 * (32 + 24 + 2 * 256)))
    seen = hashlib.shake_128()
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        at += count
        return bytes(stream[at - count : at])

    for _ in range(10_000):
        key, nonce = take(32), take(24)
        plain = take(take(1)[0])
        aad = take(take(1)[0])
        cipher = XAES256GCM(key)
        sealed = cipher.encrypt(nonce, plain, aad)
        assert cipher.decrypt(nonce, sealed, aad) == plain
        seen.update(sealed)

    assert seen.hexdigest(32) == PUBLISHED["accumulated"]["10000"]


@given(
    key=st.binary(min_size=32, max_size=32),
    nonce=st.binary(min_size=24, max_size=24),
    plain=st.binary(max_size=300),
    aad=st.binary(max_size=300),
)
def test_what_is_sealed_opens(key: bytes, nonce: bytes, plain: bytes, aad: bytes) -> None:
    assert XAES256GCM(key).decrypt(nonce, XAES256GCM(key).encrypt(nonce, plain, aad), aad) == plain


def test_any_flipped_bit_is_refused() -> None:
    cipher = XAES256GCM(KEY)
    whole = NONCE + cipher.encrypt(NONCE, b"a wrapped key", AAD)

    for bit in range(8 * len(whole)):
        altered = bytearray(whole)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            cipher.decrypt(bytes(altered[:24]), bytes(altered[24:]), AAD)


def test_any_cut_and_any_extension_is_refused() -> None:
    cipher = XAES256GCM(KEY)
    sealed = cipher.encrypt(NONCE, b"a wrapped key", AAD)

    for cut in [*(sealed[:n] for n in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(Tampered):
            cipher.decrypt(NONCE, cut, AAD)
    for nonce in (NONCE[:23], NONCE + b"\0", b""):
        with pytest.raises(Tampered):
            cipher.decrypt(nonce, sealed, AAD)


def test_another_key_and_another_context_are_refused() -> None:
    sealed = XAES256GCM(KEY).encrypt(NONCE, b"a wrapped key", AAD)

    with pytest.raises(Tampered):
        XAES256GCM(KEY[::-1]).decrypt(NONCE, sealed, AAD)
    with pytest.raises(Tampered):
        XAES256GCM(KEY).decrypt(NONCE, sealed, b"data-key")


def test_a_key_or_nonce_of_another_length_is_a_bug_of_ours() -> None:
    with pytest.raises(Bug):
        XAES256GCM(bytes(16))
    with pytest.raises(Bug):
        XAES256GCM(KEY).encrypt(bytes(12), b"", b"")


def test_what_is_sealed_in_turn_has_nonces_of_its_own_and_few_first_halves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(xaes, "SEALED_UNDER_A_HALF", 100)
    cipher = XAES256GCM(KEY)

    sealed = [cipher.seal(b"plain", AAD, os.urandom) for _ in range(250)]

    assert len({one[:24] for one in sealed}) == 250
    halves = [one[:12] for one in sealed]
    assert [len(set(halves[at : at + 100])) for at in (0, 100, 200)] == [1, 1, 1]
    assert len(set(halves)) == 3
    assert all(XAES256GCM(KEY).open(one, AAD) == b"plain" for one in sealed)


def test_no_more_derived_keys_are_kept_than_the_limit_says() -> None:
    cipher = XAES256GCM(KEY)
    nonces = [os.urandom(24) for _ in range(DERIVED_KEPT + 5)]

    sealed = [cipher.encrypt(nonce, b"plain", AAD) for nonce in nonces]

    assert len(cipher._derived) == DERIVED_KEPT
    pairs = zip(nonces, sealed, strict=True)
    assert all(cipher.decrypt(nonce, one, AAD) == b"plain" for nonce, one in pairs)


def test_one_cipher_serves_many_threads() -> None:
    cipher = XAES256GCM(KEY)

    def round_trips(_: int) -> bool:
        for _ in range(300):
            plain = os.urandom(4096)
            if XAES256GCM(KEY).open(cipher.seal(plain, AAD, os.urandom), AAD) != plain:
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trips, range(8)))
