"""RAW_ENCRYPT_DECRYPT: AES in GCM, CBC and CTR as every other library has them.

GCM's initialization vector is drawn, CBC's and CTR's may be given. CBC takes whole blocks and pads
nothing. CBC and CTR authenticate nothing: a changed ciphertext decrypts to something else.
Sources: NIST SP 800-38A, SP 800-38D; Cloud KMS documentation, "Raw symmetric encryption".
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from typing_extensions import override

from rempart.core.clock import Random, system_random
from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.software.key import (
    AAD_BYTES_MAX,
    PLAINTEXT_BYTES_MAX,
    Key,
    RawCiphertext,
    check_length,
    check_size,
)

BLOCK_BYTES = 16
TAG_BYTES = 16
GCM_IV_BYTES = 12


class GCMKey(Key):
    """AES-GCM with a 12-byte initialization vector and a whole tag.

    The vector is always drawn, as at Google: one that a caller repeats would give the key away.
    """

    __slots__ = ("_cipher", "_random")

    def __init__(self, key: bytes, random: Random = system_random) -> None:
        self._cipher = AESGCM(key)
        self._random = random

    @override
    def raw_encrypt(
        self, plaintext: bytes, aad: bytes = b"", initialization_vector: bytes = b""
    ) -> RawCiphertext:
        check_size("plaintext", plaintext, PLAINTEXT_BYTES_MAX)
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        if initialization_vector:
            raise Unfit("The algorithm takes no initialization vector; it draws one.")
        iv = self._random(GCM_IV_BYTES)
        return RawCiphertext(self._cipher.encrypt(iv, plaintext, aad), iv)

    @override
    def raw_decrypt(
        self, ciphertext: bytes, initialization_vector: bytes, aad: bytes = b"", tag_length: int = 0
    ) -> bytes:
        check_size("ciphertext", ciphertext, PLAINTEXT_BYTES_MAX + TAG_BYTES)
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        check_length("initialization vector", initialization_vector, GCM_IV_BYTES)
        if tag_length not in (0, TAG_BYTES):
            raise Unfit(f"The tag length is {tag_length}; it must be {TAG_BYTES}.")
        try:
            return self._cipher.decrypt(initialization_vector, ciphertext, aad)
        except InvalidTag as problem:
            raise Tampered from problem


class BlockKey(Key):
    """AES-CBC or AES-CTR with a 16-byte initialization vector."""

    __slots__ = ("_cipher", "_mode", "_random")

    def __init__(self, key: bytes, mode: type[CBC | CTR], random: Random = system_random) -> None:
        self._cipher = AES(key)
        self._mode = mode
        self._random = random

    @override
    def raw_encrypt(
        self, plaintext: bytes, aad: bytes = b"", initialization_vector: bytes = b""
    ) -> RawCiphertext:
        self._check("plaintext", plaintext, aad, 0)
        iv = initialization_vector or self._random(BLOCK_BYTES)
        check_length("initialization vector", iv, BLOCK_BYTES)
        encryptor = Cipher(self._cipher, self._mode(iv)).encryptor()
        return RawCiphertext(encryptor.update(plaintext) + encryptor.finalize(), iv)

    @override
    def raw_decrypt(
        self, ciphertext: bytes, initialization_vector: bytes, aad: bytes = b"", tag_length: int = 0
    ) -> bytes:
        self._check("ciphertext", ciphertext, aad, tag_length)
        check_length("initialization vector", initialization_vector, BLOCK_BYTES)
        decryptor = Cipher(self._cipher, self._mode(initialization_vector)).decryptor()
        return decryptor.update(ciphertext) + decryptor.finalize()

    def _check(self, what: str, text: bytes, aad: bytes, tag_length: int) -> None:
        check_size(what, text, PLAINTEXT_BYTES_MAX)
        if aad or tag_length:
            raise Unfit("The algorithm takes no additional authenticated data and has no tag.")
        if self._mode is CBC and len(text) % BLOCK_BYTES:
            raise Unfit(f"The {what} of AES-CBC must be a multiple of {BLOCK_BYTES} bytes.")
