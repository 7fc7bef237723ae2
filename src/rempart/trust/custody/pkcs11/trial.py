"""What a key must do once, right after it was made, before anybody is told of it.

Tokens list mechanisms, not their parameters (which hashes in OAEP or PSS, which curves); a trial
finds out. It is the pairwise consistency test of FIPS 140-3 as well.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PSS, PKCS1v15
from cryptography.hazmat.primitives.serialization import load_der_public_key

from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.header import VERSION_BYTES
from rempart.trust.custody.pkcs11.token import Incapable
from rempart.trust.custody.software.algorithms import Algorithm, Purpose, Scheme
from rempart.trust.custody.software.key import DIGESTS, Key

_TEXT = b"sixteen bytes or"


def try_once(algorithm: Algorithm, key: Key, public: bytes) -> None:
    """Use a key once; raises `Incapable` where it does not do what its algorithm says."""
    try:
        right = _TRIALS[algorithm.purpose](algorithm, key, public)
    except (InvalidSignature, Tampered, ValueError) as problem:
        raise Incapable("The token computes something else.") from problem
    if not right:
        raise Incapable("The token computes something else.")


def _seals(_algorithm: Algorithm, key: Key, _public: bytes) -> bool:
    return key.decrypt(key.encrypt(_TEXT, b"", bytes(VERSION_BYTES)), b"") == _TEXT


def _encrypts(_algorithm: Algorithm, key: Key, _public: bytes) -> bool:
    made = key.raw_encrypt(_TEXT)
    return key.raw_decrypt(made.ciphertext, made.initialization_vector) == _TEXT


def _authenticates(algorithm: Algorithm, key: Key, _public: bytes) -> bool:
    return len(key.mac_sign(_TEXT)) == DIGESTS[algorithm.digest].digest_size


def _signs(algorithm: Algorithm, key: Key, public: bytes) -> bool:
    signature, theirs = key.sign(_TEXT), load_der_public_key(public)
    if isinstance(theirs, ec.EllipticCurvePublicKey):
        theirs.verify(signature, _TEXT, ec.ECDSA(DIGESTS[algorithm.digest]))
        return True
    if not isinstance(theirs, rsa.RSAPublicKey):
        return False
    if algorithm.scheme is Scheme.RAW_PKCS1:
        return theirs.recover_data_from_signature(signature, PKCS1v15(), None) == _TEXT
    digest = DIGESTS[algorithm.digest]
    padding = PSS(MGF1(digest), digest.digest_size)
    theirs.verify(
        signature, _TEXT, padding if algorithm.scheme is Scheme.PSS else PKCS1v15(), digest
    )
    return True


def _decrypts(algorithm: Algorithm, key: Key, public: bytes) -> bool:
    theirs, digest = load_der_public_key(public), DIGESTS[algorithm.digest]
    if not isinstance(theirs, rsa.RSAPublicKey):
        return False
    return key.decrypt(theirs.encrypt(_TEXT, OAEP(MGF1(digest), digest, None))) == _TEXT


_TRIALS: dict[Purpose, Callable[[Algorithm, Key, bytes], bool]] = {
    Purpose.ENCRYPT_DECRYPT: _seals,
    Purpose.RAW_ENCRYPT_DECRYPT: _encrypts,
    Purpose.MAC: _authenticates,
    Purpose.ASYMMETRIC_SIGN: _signs,
    Purpose.ASYMMETRIC_DECRYPT: _decrypts,
}
