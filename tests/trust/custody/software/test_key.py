"""What every kind of key does, seen from outside: Google's purposes, one after the other."""

from __future__ import annotations

import os
from functools import cache

import pytest

from rempart.core.errors import Bug
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.key import Key
from rempart.trust.custody.software.material import generate, load

VERSION = b"version1"


@cache
def key(name: str) -> Key:
    algorithm = ALGORITHMS[name]
    return load(algorithm, generate(algorithm, os.urandom))


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
