"""Key material for tests, made once a run; algorithms of RSA share one key per modulus."""

from __future__ import annotations

import os
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.key import Key
from rempart.trust.custody.software.material import RSA_SCHEMES, generate, load


def material(name: str) -> bytes:
    """Return material of an algorithm, the same at every call."""
    algorithm = ALGORITHMS[name]
    if algorithm.scheme in RSA_SCHEMES:
        return _made(f"RSA_SIGN_RAW_PKCS1_{algorithm.bits}")
    return _made(name)


@cache
def key(name: str) -> Key:
    """Return the key of that material, loaded."""
    return load(ALGORITHMS[name], material(name))


@cache
def loaded(pem: str) -> RSAPrivateKey:
    """Return a private key; reading one costs more than most of what is tested with it."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


@cache
def _made(name: str) -> bytes:
    return generate(ALGORITHMS[name], os.urandom)
