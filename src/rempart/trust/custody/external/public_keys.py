"""Public halves as managers give them: checked against the algorithm, and used to check signatures.

What a manager signs leaves the universe under the universe's name, so it is verified first.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from rempart.trust.custody.software.algorithms import Algorithm, Scheme
from rempart.trust.custody.software.key import DIGESTS, PublicKey

CURVES = {"P-256": "secp256r1", "P-384": "secp384r1"}
PEM_CHARS_MAX = 4096


def fits(pem: str, algorithm: Algorithm) -> bool:
    """Tell whether a PEM is a public key that an algorithm can have."""
    try:
        key = load_pem_public_key(pem[: PEM_CHARS_MAX + 1].encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    if algorithm.scheme is Scheme.ECDSA:
        named = CURVES[algorithm.curve]
        return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == named
    return isinstance(key, rsa.RSAPublicKey) and key.key_size == algorithm.bits


def shown(pem: str) -> PublicKey:
    """Return a public key in the formats that are defined for it."""
    key = load_pem_public_key(pem.encode())
    form = PublicFormat.SubjectPublicKeyInfo
    return PublicKey(
        pem=key.public_bytes(Encoding.PEM, form).decode(),
        der=key.public_bytes(Encoding.DER, form),
    )


def verifies(pem: str, algorithm: Algorithm, digest: bytes, signature: bytes) -> bool:
    """Tell whether a signature of a digest holds under a public key that `fits`."""
    key, hashed = load_pem_public_key(pem.encode()), Prehashed(DIGESTS[algorithm.digest])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(hashed))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, _padding(algorithm), hashed)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _padding(algorithm: Algorithm) -> padding.AsymmetricPadding:
    if algorithm.scheme is Scheme.PKCS1:
        return padding.PKCS1v15()
    digest = DIGESTS[algorithm.digest]
    return padding.PSS(padding.MGF1(digest), digest.digest_size)
