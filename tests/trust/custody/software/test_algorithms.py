"""The table of algorithms: complete by Google's own list, and flagged by ANSSI's rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from googleapiclient.discovery_cache import get_static_doc

from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm, Purpose, Scheme

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


@pytest.mark.parametrize("algorithm", AVAILABLE, ids=lambda algorithm: algorithm.name)
def test_the_rules_of_anssi_decide_the_flag(algorithm: Algorithm) -> None:
    hybrid = algorithm.scheme is Scheme.XWING
    broken = (
        algorithm.scheme in {Scheme.CBC, Scheme.CTR, Scheme.RAW_PKCS1}
        or algorithm.digest in {"sha1", "sha224"}
        or (algorithm.post_quantum and not hybrid)
    )

    assert algorithm.anssi is not broken
    assert algorithm.anssi or algorithm.anssi_note
