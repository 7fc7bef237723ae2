"""Private keys as PKCS#8 DER and public ones as SubjectPublicKeyInfo (RFC 5958, RFC 5280)."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PublicKey,
    MLDSA65PublicKey,
    MLDSA87PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey, MLKEM1024PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from rempart.core.errors import unreachable
from rempart.core.limits import KIB
from rempart.trust.custody.errors import BadMaterial
from rempart.trust.custody.software.key import PublicKey

_BYTES_MAX = 3 * KIB
"""An RSA key of 4096 bits has 2.3 KiB; larger ones would be validated for many seconds."""

_PostQuantumPublicKey = (
    MLDSA44PublicKey | MLDSA65PublicKey | MLDSA87PublicKey | MLKEM768PublicKey | MLKEM1024PublicKey
)


def encode(private: PrivateKeyTypes) -> bytes:
    """Return a private key as PKCS#8."""
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def decode(material: bytes) -> PrivateKeyTypes:
    """Return the private key that a stranger brought, validated; raises `BadMaterial`."""
    if len(material) > _BYTES_MAX:
        raise BadMaterial(f"The material has {len(material)} bytes; at most {_BYTES_MAX} are read.")
    try:
        return load_der_private_key(material, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise BadMaterial("The material is no valid, unencrypted PKCS#8 key.") from problem


def rsa_key(material: bytes) -> RSAPrivateKey:
    """Return an RSA key that we made or validated; skips the primality tests (0.1 s)."""
    private = load_der_private_key(material, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, RSAPrivateKey):
        unreachable("the material of an RSA algorithm is an RSA key")
    return private


def ec_key(material: bytes) -> EllipticCurvePrivateKey:
    """Return an elliptic-curve key that we made or validated."""
    private = load_der_private_key(material, None)
    if not isinstance(private, EllipticCurvePrivateKey):
        unreachable("the material of ECDSA is an elliptic-curve key")
    return private


def public_key(public: PublicKeyTypes) -> PublicKey:
    """Return a public key in the formats of a SubjectPublicKeyInfo."""
    form = PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(Encoding.PEM, form).decode()
    return PublicKey(pem=pem, der=public.public_bytes(Encoding.DER, form))


def raw_public_key(public: _PostQuantumPublicKey) -> PublicKey:
    """Return a post-quantum public key, also in its own standard's format."""
    formats = public_key(public)
    return PublicKey(pem=formats.pem, der=formats.der, raw=public.public_bytes_raw())
