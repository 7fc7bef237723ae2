"""Import jobs: the wrapping key that a customer wraps material to, and the way back.

The methods are those of google.cloud.kms.v1 ImportJob.ImportMethod. RSA-AES wrapping is PKCS #11's
CKM_RSA_AES_KEY_WRAP: an AES-256 key under RSAES-OAEP, then the material under AES-KWP (RFC 5649).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from rempart.core.errors import invariant
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.software.decryption import OAEPKey
from rempart.trust.custody.software.key import DIGESTS, PublicKey
from rempart.trust.custody.software.material import RSA_EXPONENT
from rempart.trust.custody.software.pkcs8 import encode, rsa_key

_AES_KEY_BYTES = 32
_HPKE = "Google's API reference does not say how its ciphertext is put together"


@dataclass(frozen=True, slots=True)
class ImportMethod:
    """A way of wrapping material: under RSA, or under an AES key that is under RSA."""

    name: str
    bits: int = 0
    digest: str = ""
    aes: bool = False
    unavailable: str = ""
    """Why import jobs cannot have it; empty if they can."""


IMPORT_METHODS: dict[str, ImportMethod] = {
    method.name: method
    for method in (
        ImportMethod("RSA_OAEP_3072_SHA1_AES_256", 3072, "sha1", aes=True),
        ImportMethod("RSA_OAEP_4096_SHA1_AES_256", 4096, "sha1", aes=True),
        ImportMethod("RSA_OAEP_3072_SHA256_AES_256", 3072, "sha256", aes=True),
        ImportMethod("RSA_OAEP_4096_SHA256_AES_256", 4096, "sha256", aes=True),
        ImportMethod("RSA_OAEP_3072_SHA256", 3072, "sha256"),
        ImportMethod("RSA_OAEP_4096_SHA256", 4096, "sha256"),
        ImportMethod("HPKE_KEM_ML_KEM_768_HKDF_SHA256_AES_256_GCM", unavailable=_HPKE),
        ImportMethod("HPKE_KEM_ML_KEM_1024_HKDF_SHA256_AES_256_GCM", unavailable=_HPKE),
        ImportMethod("HPKE_KEM_XWING_HKDF_SHA256_AES_256_GCM", unavailable=_HPKE),
    )
}
"""Every import method that Google names, available or not."""


def generate_wrapping_key(method: ImportMethod) -> bytes:
    """Return fresh material of an import job's private key: a second or so of work."""
    invariant(not method.unavailable, "only an available method has keys")
    return encode(rsa.generate_private_key(RSA_EXPONENT, method.bits))


class WrappingKey:
    """An import job's private key, loaded."""

    __slots__ = ("_aes", "_key", "_wrapped_aes_bytes")

    def __init__(self, method: ImportMethod, material: bytes) -> None:
        invariant(not method.unavailable, "only an available method has keys")
        self._key = OAEPKey(rsa_key(material), DIGESTS[method.digest])
        self._aes = method.aes
        self._wrapped_aes_bytes = method.bits // 8

    def public_key(self) -> PublicKey:
        """Return what customers wrap material with."""
        return self._key.public_key()

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return the material, to be checked for its algorithm; raises `Tampered`."""
        if not self._aes:
            return self._key.decrypt(wrapped)
        aes_key = self._key.decrypt(wrapped[: self._wrapped_aes_bytes])
        if len(aes_key) != _AES_KEY_BYTES:
            raise Tampered
        try:
            return aes_key_unwrap_with_padding(aes_key, wrapped[self._wrapped_aes_bytes :])
        except InvalidUnwrap as problem:
            raise Tampered from problem
