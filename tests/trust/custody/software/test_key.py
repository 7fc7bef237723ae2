"""What every kind of key does, seen from outside: Google's purposes, one after the other."""

from __future__ import annotations

import os
from functools import cache

import pytest

from rempart.core.errors import Bug
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm, Purpose
from rempart.trust.custody.software.key import Key
from rempart.trust.custody.software.material import generate, load

VERSION = b"version1"


def of(purpose: Purpose) -> list[Algorithm]:
    return [it for it in ALGORITHMS.values() if it.purpose is purpose and not it.unavailable]


@cache
def key(name: str) -> Key:
    algorithm = ALGORITHMS[name]
    return load(algorithm, generate(algorithm, os.urandom))


@pytest.mark.parametrize("algorithm", of(Purpose.MAC), ids=lambda it: it.name)
def test_a_code_verifies_and_any_other_does_not(algorithm: Algorithm) -> None:
    mac = key(algorithm.name).mac_sign(b"data")

    assert len(mac) * 8 == algorithm.bits
    assert key(algorithm.name).mac_verify(b"data", mac)
    assert not key(algorithm.name).mac_verify(b"data", mac[:-1])
    assert not key(algorithm.name).mac_verify(b"data", b"")
    assert not key(algorithm.name).mac_verify(b"Data", mac)


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
