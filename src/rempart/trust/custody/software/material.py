"""Key material: made anew, loaded for use, described by its public half.

Material is PKCS#8 DER for RSA and ECDSA, and bytes of a fixed length for the rest: the key of AES
and HMAC, the seed of Ed25519, ML-DSA, ML-KEM and X-Wing. It is secret: whoever keeps it seals it.
What is loaded is trusted to come from `generate` or `check_import`.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA65PrivateKey,
    MLDSA87PrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM1024PrivateKey,
)
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR

from rempart.core.clock import Random
from rempart.core.errors import invariant
from rempart.trust.custody.software.algorithms import Algorithm, Scheme
from rempart.trust.custody.software.decryption import OAEPKey
from rempart.trust.custody.software.encapsulation import MLKEMKey, MLKEMPrivateKey, XWingKey
from rempart.trust.custody.software.key import DIGESTS, Key, PublicKey
from rempart.trust.custody.software.mac import MACKey
from rempart.trust.custody.software.pkcs8 import ec_key, encode, rsa_key
from rempart.trust.custody.software.raw import BlockKey, GCMKey
from rempart.trust.custody.software.signing import (
    Ed25519Key,
    ExternalMuKey,
    MLDSAKey,
    MLDSAPrivateKey,
    RawPKCS1Key,
    ecdsa_key,
    pkcs1_key,
    pss_key,
)
from rempart.trust.custody.software.symmetric import SymmetricKey

RSA_EXPONENT = 65537
RSA_SCHEMES = {Scheme.PSS, Scheme.PKCS1, Scheme.RAW_PKCS1, Scheme.OAEP}
CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "secp256k1": ec.SECP256K1(),
}
_SEED_BYTES = {
    Scheme.ED25519: 32,
    Scheme.ML_DSA: 32,
    Scheme.ML_DSA_MU: 32,
    Scheme.ML_KEM: 64,
    Scheme.XWING: 32,
}
_ML_DSA: dict[int, Callable[[bytes], MLDSAPrivateKey]] = {
    44: MLDSA44PrivateKey.from_seed_bytes,
    65: MLDSA65PrivateKey.from_seed_bytes,
    87: MLDSA87PrivateKey.from_seed_bytes,
}
_ML_KEM: dict[int, Callable[[bytes], MLKEMPrivateKey]] = {
    768: MLKEM768PrivateKey.from_seed_bytes,
    1024: MLKEM1024PrivateKey.from_seed_bytes,
}
_LOADERS: dict[Scheme, Callable[[Algorithm, bytes], Key]] = {
    Scheme.SEALING: lambda _, it: SymmetricKey(it),
    Scheme.GCM: lambda _, it: GCMKey(it),
    Scheme.CBC: lambda _, it: BlockKey(it, CBC),
    Scheme.CTR: lambda _, it: BlockKey(it, CTR),
    Scheme.PSS: lambda algorithm, it: pss_key(rsa_key(it), DIGESTS[algorithm.digest]),
    Scheme.PKCS1: lambda algorithm, it: pkcs1_key(rsa_key(it), DIGESTS[algorithm.digest]),
    Scheme.RAW_PKCS1: lambda _, it: RawPKCS1Key(rsa_key(it)),
    Scheme.OAEP: lambda algorithm, it: OAEPKey(rsa_key(it), DIGESTS[algorithm.digest]),
    Scheme.ECDSA: lambda algorithm, it: ecdsa_key(ec_key(it), DIGESTS[algorithm.digest]),
    Scheme.ED25519: lambda _, it: Ed25519Key(Ed25519PrivateKey.from_private_bytes(it)),
    Scheme.ML_DSA: lambda algorithm, it: MLDSAKey(_ML_DSA[algorithm.bits](it)),
    Scheme.ML_DSA_MU: lambda algorithm, it: ExternalMuKey(_ML_DSA[algorithm.bits](it)),
    Scheme.HMAC: lambda algorithm, it: MACKey(it, DIGESTS[algorithm.digest]),
    Scheme.ML_KEM: lambda algorithm, it: MLKEMKey(_ML_KEM[algorithm.bits](it)),
    Scheme.XWING: lambda _, it: XWingKey(it),
}


def generate(algorithm: Algorithm, random: Random) -> bytes:
    """Return fresh material; for RSA (a second or so) and ECDSA of the library's own randomness."""
    invariant(not algorithm.unavailable, "only an available algorithm has keys")
    if algorithm.scheme in RSA_SCHEMES:
        return encode(rsa.generate_private_key(RSA_EXPONENT, algorithm.bits))
    if algorithm.scheme is Scheme.ECDSA:
        return encode(ec.generate_private_key(CURVES[algorithm.curve]))
    return random(material_bytes(algorithm))


def load(algorithm: Algorithm, material: bytes) -> Key:
    """Return the key, parsed once; keep it while it is in use."""
    invariant(not algorithm.unavailable, "only an available algorithm has keys")
    return _LOADERS[algorithm.scheme](algorithm, material)


def public_key(algorithm: Algorithm, material: bytes) -> PublicKey:
    """Return the public half of an asymmetric key."""
    return load(algorithm, material).public_key()


def material_bytes(algorithm: Algorithm) -> int:
    """Return the length of material that is not PKCS#8."""
    return _SEED_BYTES.get(algorithm.scheme, algorithm.bits // 8)
