"""The algorithms that keys of this manager may have, by Google's names.

Symmetric keys are AES-256 behind the wrapped blob's format (docs/spec/ekm-store.md); signing keys
are those of Cloud KMS with RSA of 2,048 to 4,096 bits and with P-256 and P-384.
"""

from __future__ import annotations

from rempart.core.errors import invalid
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm, Scheme

SYMMETRIC = "EXTERNAL_SYMMETRIC_ENCRYPTION"
SIGNING: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in ALGORITHMS.values()
    if algorithm.scheme in {Scheme.PSS, Scheme.PKCS1}
    or (algorithm.scheme is Scheme.ECDSA and algorithm.curve in {"P-256", "P-384"})
}
NAMES = (SYMMETRIC, *sorted(SIGNING))

SYMMETRIC_VERBS = frozenset({"wrap", "unwrap"})
SIGNING_VERBS = frozenset({"asymmetricSign", "getPublicKey"})


def checked(name: str) -> str:
    """Return the name of an algorithm that keys may have, or raise the refusal."""
    if name not in NAMES:
        raise invalid(f"algorithm is one of {', '.join(NAMES)}.", field="algorithm")
    return name


def verbs(name: str) -> frozenset[str]:
    """Return what a key of this algorithm is for."""
    return SYMMETRIC_VERBS if name == SYMMETRIC else SIGNING_VERBS
