"""ASYMMETRIC_SIGN: RSA (RFC 8017), ECDSA (FIPS 186-5), Ed25519 (RFC 8032), ML-DSA (FIPS 204).

Salts, nonces and ML-DSA's hedging are the library's randomness. ECDSA signatures are DER.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA65PrivateKey,
    MLDSA87PrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed
from cryptography.hazmat.primitives.hashes import Hash, HashAlgorithm
from typing_extensions import override

from rempart.trust.custody.errors import Unfit
from rempart.trust.custody.software.key import (
    DATA_BYTES_MAX,
    Key,
    PublicKey,
    check_length,
    check_size,
)
from rempart.trust.custody.software.pkcs8 import public_key, raw_public_key

MU_BYTES = 64
_PKCS1_OVERHEAD = 11
_TAKES_NO_DIGEST = "The algorithm signs data, not a digest."

MLDSAPrivateKey = MLDSA44PrivateKey | MLDSA65PrivateKey | MLDSA87PrivateKey


class _SignsDigest(Protocol):
    """The private half of a scheme that signs a digest."""

    def __call__(self, digest: bytes, /) -> bytes: ...


class DigestSigningKey(Key):
    """A key whose algorithm hashes first: it signs the data or its digest."""

    __slots__ = ("_digest", "_private", "_sign")

    def __init__(
        self,
        private: RSAPrivateKey | EllipticCurvePrivateKey,
        digest: HashAlgorithm,
        sign: _SignsDigest,
    ) -> None:
        self._private = private
        self._digest = digest
        self._sign = sign

    @override
    def sign(self, data: bytes) -> bytes:
        check_size("data", data, DATA_BYTES_MAX)
        digest = Hash(self._digest)
        digest.update(data)
        return self._sign(digest.finalize())

    @override
    def sign_digest(self, digest: bytes) -> bytes:
        check_length("digest", digest, self._digest.digest_size)
        return self._sign(digest)

    @override
    def public_key(self) -> PublicKey:
        return public_key(self._private.public_key())


def pss_key(private: RSAPrivateKey, digest: HashAlgorithm) -> Key:
    """Return a key of RSASSA-PSS, whose salt and mask follow the digest, as Google fixes them."""
    padding, prehashed = PSS(MGF1(digest), digest.digest_size), Prehashed(digest)
    return DigestSigningKey(private, digest, lambda it: private.sign(it, padding, prehashed))


def pkcs1_key(private: RSAPrivateKey, digest: HashAlgorithm) -> Key:
    """Return a key of RSASSA-PKCS1-v1_5."""
    padding, prehashed = PKCS1v15(), Prehashed(digest)
    return DigestSigningKey(private, digest, lambda it: private.sign(it, padding, prehashed))


def ecdsa_key(private: EllipticCurvePrivateKey, digest: HashAlgorithm) -> Key:
    """Return a key of ECDSA."""
    scheme = ECDSA(Prehashed(digest))
    return DigestSigningKey(private, digest, lambda it: private.sign(it, scheme))


class RawPKCS1Key(Key):
    """A key of RSASSA-PKCS1-v1_5 whose caller has made the DigestInfo, or none."""

    __slots__ = ("_data_bytes_max", "_private")

    def __init__(self, private: RSAPrivateKey) -> None:
        self._private = private
        self._data_bytes_max = private.key_size // 8 - _PKCS1_OVERHEAD

    @override
    def sign(self, data: bytes) -> bytes:
        check_size("data", data, self._data_bytes_max)
        return self._private.sign(data, PKCS1v15(), NoDigestInfo())

    @override
    def sign_digest(self, digest: bytes) -> bytes:
        raise Unfit(_TAKES_NO_DIGEST)

    @override
    def public_key(self) -> PublicKey:
        return public_key(self._private.public_key())


class Ed25519Key(Key):
    """A key of Ed25519, pure mode."""

    __slots__ = ("_private",)

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @override
    def sign(self, data: bytes) -> bytes:
        check_size("data", data, DATA_BYTES_MAX)
        return self._private.sign(data)

    @override
    def sign_digest(self, digest: bytes) -> bytes:
        raise Unfit(_TAKES_NO_DIGEST)

    @override
    def public_key(self) -> PublicKey:
        return public_key(self._private.public_key())


class MLDSAKey(Key):
    """A key of ML-DSA, hedged, with an empty context."""

    __slots__ = ("_private",)

    def __init__(self, private: MLDSAPrivateKey) -> None:
        self._private = private

    @override
    def sign(self, data: bytes) -> bytes:
        check_size("data", data, DATA_BYTES_MAX)
        return self._private.sign(data)

    @override
    def sign_digest(self, digest: bytes) -> bytes:
        raise Unfit(_TAKES_NO_DIGEST)

    @override
    def public_key(self) -> PublicKey:
        return raw_public_key(self._private.public_key())


class ExternalMuKey(MLDSAKey):
    """A key of ML-DSA whose caller computes the message representative mu (FIPS 204, 6.2)."""

    __slots__ = ()

    @override
    def sign(self, data: bytes) -> bytes:
        raise Unfit("The algorithm signs an external mu, not data.")

    @override
    def sign_digest(self, digest: bytes) -> bytes:
        check_length("external mu", digest, MU_BYTES)
        return self._private.sign_mu(digest)
