"""ASYMMETRIC_DECRYPT: RSAES-OAEP (RFC 8017) with an empty label, one hash for label and mask."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from typing_extensions import override

from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.software.key import Key, PublicKey
from rempart.trust.custody.software.pkcs8 import public_key


class OAEPKey(Key):
    """A key of RSAES-OAEP."""

    __slots__ = ("_padding", "_private")

    def __init__(self, private: RSAPrivateKey, digest: HashAlgorithm) -> None:
        self._private = private
        self._padding = OAEP(MGF1(digest), digest, None)

    @override
    def decrypt(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        if aad:
            raise Unfit("The algorithm takes no additional authenticated data.")
        try:
            return self._private.decrypt(ciphertext, self._padding)
        except ValueError as problem:
            raise Tampered from problem

    @override
    def public_key(self) -> PublicKey:
        return public_key(self._private.public_key())
