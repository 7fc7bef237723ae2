"""What every kind of key does, seen from outside: Google's purposes, one after the other."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from rempart.core.errors import Bug
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.material import generate, load
from support.key_material import key

VERSION = b"version1"


def test_one_key_serves_many_threads() -> None:
    names = ["EC_SIGN_P256_SHA256", "PQ_SIGN_ML_DSA_65", "RSA_SIGN_PSS_2048_SHA256"]
    codes = key("HMAC_SHA256")

    def round_trips(number: int) -> bool:
        data = bytes([number]) * 1000
        ciphertext = key("GOOGLE_SYMMETRIC_ENCRYPTION").encrypt(data, b"", VERSION)
        raw, iv = key("AES_256_CTR").raw_encrypt(data)
        return (
            key("GOOGLE_SYMMETRIC_ENCRYPTION").decrypt(ciphertext) == data
            and key("AES_256_CTR").raw_decrypt(raw, iv) == data
            and codes.mac_verify(data, codes.mac_sign(data))
            and all(key(name).sign(data) for name in names)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trips, range(100)))


def test_an_operation_of_another_purpose_is_a_bug_of_ours() -> None:
    with pytest.raises(Bug):
        key("HMAC_SHA256").encrypt(b"", b"", VERSION)
    with pytest.raises(Bug):
        key("GOOGLE_SYMMETRIC_ENCRYPTION").sign(b"")


def test_an_unavailable_algorithm_has_no_keys() -> None:
    with pytest.raises(Bug):
        generate(ALGORITHMS["PQ_SIGN_SLH_DSA_SHA2_128S"], os.urandom)
    with pytest.raises(Bug):
        load(ALGORITHMS["EXTERNAL_SYMMETRIC_ENCRYPTION"], b"")
