"""Material that a customer brings: checked before it becomes a key version.

Symmetric keys come as plain bytes, asymmetric ones as PKCS#8 DER, X-Wing as its seed.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, mlkem, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from rempart.core.errors import invariant
from rempart.trust.custody.errors import BadMaterial
from rempart.trust.custody.software.algorithms import Algorithm, Scheme
from rempart.trust.custody.software.material import (
    CURVES,
    RSA_EXPONENT,
    RSA_SCHEMES,
    material_bytes,
)
from rempart.trust.custody.software.pkcs8 import decode, encode

_EXPONENT_BITS_MAX = 256
_DISTANCE_BITS = 100
_Seeded = (
    Ed25519PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
    | mlkem.MLKEM768PrivateKey
    | mlkem.MLKEM1024PrivateKey
)
_SEEDED: dict[tuple[Scheme, int], type[_Seeded]] = {
    (Scheme.ED25519, 0): Ed25519PrivateKey,
    **{
        (scheme, bits): kind
        for scheme in (Scheme.ML_DSA, Scheme.ML_DSA_MU)
        for bits, kind in (
            (44, mldsa.MLDSA44PrivateKey),
            (65, mldsa.MLDSA65PrivateKey),
            (87, mldsa.MLDSA87PrivateKey),
        )
    },
    (Scheme.ML_KEM, 768): mlkem.MLKEM768PrivateKey,
    (Scheme.ML_KEM, 1024): mlkem.MLKEM1024PrivateKey,
}


def check_import(algorithm: Algorithm, material: bytes) -> bytes:
    """Return the material as it is kept; raises `BadMaterial` for a foreign or weak key.

    The primality tests of an RSA key take up to a second.
    """
    invariant(not algorithm.unavailable, "only an available algorithm has keys")
    if algorithm.asymmetric and algorithm.scheme is not Scheme.XWING:
        return _checked(algorithm, decode(material))
    length = material_bytes(algorithm)
    if len(material) != length:
        raise BadMaterial(f"The material has {len(material)} bytes; the algorithm's has {length}.")
    return material


def _checked(algorithm: Algorithm, private: PrivateKeyTypes) -> bytes:
    if algorithm.scheme in RSA_SCHEMES and isinstance(private, rsa.RSAPrivateKey):
        _check_rsa(private, algorithm.bits)
        return encode(private)
    if algorithm.scheme is Scheme.ECDSA and isinstance(private, ec.EllipticCurvePrivateKey):
        _check_curve(private, CURVES[algorithm.curve])
        return encode(private)
    kind = _SEEDED.get((algorithm.scheme, algorithm.bits))
    if kind is not None and isinstance(private, kind):
        return private.private_bytes_raw()
    raise BadMaterial("The material is a key of another algorithm.")


def _check_rsa(private: rsa.RSAPrivateKey, bits: int) -> None:
    """Raise `BadMaterial` unless the key keeps FIPS 186-5, A.1.1, and the algorithm's size.

    The library has seen that the numbers are prime and belong together. With a public exponent
    within its bounds the private one is not short.
    """
    numbers = private.private_numbers()
    if private.key_size != bits:
        raise BadMaterial(f"The modulus has {private.key_size} bits; the algorithm's has {bits}.")
    exponent = numbers.public_numbers.e
    if exponent < RSA_EXPONENT or exponent.bit_length() > _EXPONENT_BITS_MAX:
        raise BadMaterial("The public exponent is not between 65537 and 2^256.")
    if {numbers.p.bit_length(), numbers.q.bit_length()} != {bits // 2}:
        raise BadMaterial("The primes are not half as long as the modulus.")
    if abs(numbers.p - numbers.q).bit_length() <= bits // 2 - _DISTANCE_BITS:
        raise BadMaterial("The primes are close to each other.")


def _check_curve(private: ec.EllipticCurvePrivateKey, curve: ec.EllipticCurve) -> None:
    if private.curve.name != curve.name:
        raise BadMaterial(f"The key is on the curve {private.curve.name}, not {curve.name}.")
