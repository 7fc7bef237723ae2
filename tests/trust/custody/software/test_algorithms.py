"""The table of algorithms: complete by Google's own list, and flagged by ANSSI's rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from googleapiclient.discovery_cache import get_static_doc

from rempart.trust.custody.software.algorithms import ALGORITHMS, Purpose

SCHEMAS: dict[str, Any] = json.loads(get_static_doc("cloudkms", "v1"))["schemas"]
AVAILABLE = [algorithm for algorithm in ALGORITHMS.values() if not algorithm.unavailable]


def test_every_algorithm_that_google_names_is_in_the_table_and_no_other() -> None:
    named = SCHEMAS["CryptoKeyVersion"]["properties"]["algorithm"]["enum"]

    assert set(ALGORITHMS) == set(named) - {"CRYPTO_KEY_VERSION_ALGORITHM_UNSPECIFIED"}


def test_every_purpose_that_google_names_is_known_and_no_other() -> None:
    named = SCHEMAS["CryptoKey"]["properties"]["purpose"]["enum"]

    assert set(Purpose) == set(named) - {"CRYPTO_KEY_PURPOSE_UNSPECIFIED"}


def test_what_is_unavailable_is_exactly_this() -> None:
    assert {algorithm.name for algorithm in ALGORITHMS.values() if algorithm.unavailable} == {
        "AES_256_KWP",
        "EXTERNAL_SYMMETRIC_ENCRYPTION",
        "KEM_ECDH_P256",
        "KEM_ECDH_P384",
        "PQ_SIGN_HASH_SLH_DSA_SHA2_128S_SHA256",
        "PQ_SIGN_SLH_DSA_SHA2_128S",
    }


def test_a_digest_that_may_be_signed_is_a_member_of_googles_digest() -> None:
    members = set(SCHEMAS["Digest"]["properties"])

    for algorithm in ALGORITHMS.values():
        if algorithm.purpose is Purpose.ASYMMETRIC_SIGN and algorithm.digest:
            assert algorithm.digest in members, algorithm.name


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        (
            "without integrity",
            [f"AES_{bits}_{mode}" for bits in (128, 256) for mode in ("CBC", "CTR")],
        ),
        ("without a hash", [f"RSA_SIGN_RAW_PKCS1_{bits}" for bits in (2048, 3072, 4096)]),
        (
            "less than 256 bits",
            [
                "HMAC_SHA1",
                "HMAC_SHA224",
                *(f"RSA_DECRYPT_OAEP_{bits}_SHA1" for bits in (2048, 3072, 4096)),
            ],
        ),
        (
            "no classical one backs",
            [
                "ML_KEM_768",
                "ML_KEM_1024",
                *(f"PQ_SIGN_ML_DSA_{set_}" for set_ in (44, 65, 87)),
                *(f"PQ_SIGN_ML_DSA_{set_}_EXTERNAL_MU" for set_ in (44, 65, 87)),
            ],
        ),
    ],
)
def test_what_breaks_a_rule_of_anssi_says_which(rule: str, names: list[str]) -> None:
    broken = [it.name for it in AVAILABLE if rule in it.anssi_note]

    assert set(broken) == set(names)
    assert not any(ALGORITHMS[name].anssi for name in broken)


def test_what_keeps_the_rules_of_anssi_says_until_when() -> None:
    kept = {it.name: it.anssi_note for it in AVAILABLE if it.anssi}

    assert len(kept) == len(AVAILABLE) - 4 - 3 - 5 - 8
    for name, note in kept.items():
        classical = name.startswith(("RSA_", "EC_"))
        assert ("until the end of 2030" in note) is (classical and "_2048_" in name), name
        assert ("quantum" in note) is (classical and "_2048_" not in name), name
