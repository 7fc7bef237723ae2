"""Verifies signatures by the library, which test_signing.py holds to Wycheproof's vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo

from rempart.trust.custody.software.algorithms import Algorithm, Scheme
from rempart.trust.custody.software.key import DIGESTS


def verifier(algorithm: Algorithm, public: Any) -> Callable[[bytes, bytes], None]:
    """Return a function (signature, data) that raises `InvalidSignature`."""
    if algorithm.scheme is Scheme.ECDSA:
        return lambda sig, data: public.verify(sig, data, ec.ECDSA(DIGESTS[algorithm.digest]))
    if algorithm.scheme is Scheme.PSS:
        digest = DIGESTS[algorithm.digest]
        return lambda sig, data: public.verify(
            sig, data, PSS(MGF1(digest), digest.digest_size), digest
        )
    if algorithm.scheme is Scheme.PKCS1:
        return lambda sig, data: public.verify(sig, data, PKCS1v15(), DIGESTS[algorithm.digest])
    if algorithm.scheme is Scheme.RAW_PKCS1:
        return lambda sig, data: public.verify(sig, data, PKCS1v15(), NoDigestInfo())
    verify: Callable[[bytes, bytes], None] = public.verify
    return verify


def mu(public: bytes, data: bytes) -> bytes:
    """Return ML-DSA's message representative (FIPS 204, algorithm 7, line 6; pure, no context)."""
    return hashlib.shake_256(hashlib.shake_256(public).digest(64) + b"\0\0" + data).digest(64)
