"""GOOGLE_SYMMETRIC_ENCRYPTION: Cobblestone-256 behind a byte of format and the key version's id.

Specified in docs/spec/kms-ciphertext.md. The context binds header and additional data, and the
message commits to key and context: it opens under no other pair, whoever chose it.
"""

from __future__ import annotations

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from typing_extensions import override

from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.header import Format, header, opened
from rempart.trust.custody.software.key import (
    AAD_BYTES_MAX,
    PLAINTEXT_BYTES_MAX,
    Key,
    check_size,
)

_DOMAIN = b"rempart.kms.v1\x00"


class SymmetricKey(Key):
    """A key of 32 bytes that seals up to 64 KiB."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @override
    def encrypt(self, plaintext: bytes, aad: bytes, version: bytes) -> bytes:
        check_size("plaintext", plaintext, PLAINTEXT_BYTES_MAX)
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        head = header(Format.SOFTWARE, version)
        sealer = Cobblestone256Encryptor(self._key, _DOMAIN + head + aad)
        return b"".join((head, sealer.update(plaintext), sealer.finalize()))

    @override
    def decrypt(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        check_size("additional authenticated data", aad, AAD_BYTES_MAX)
        head, sealed = opened(Format.SOFTWARE, ciphertext)
        opener = Cobblestone256Decryptor(self._key, _DOMAIN + head + aad)
        try:
            return opener.update(sealed) + opener.finalize()
        except InvalidTag as problem:
            raise Tampered from problem
