"""XAES-256-GCM as published at c2sp.org/XAES-256-GCM: AES-256-GCM with a 24-byte random nonce.

For records and wrapped keys. The nonce is long enough to draw at random 2**80 times under one key.
It does not commit to its key: nothing sealed with it may be tried under keys that a stranger chose.
"""

from __future__ import annotations

from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from rempart.core.errors import invariant
from rempart.trust.custody.errors import Tampered

KEY_BYTES = 32
NONCE_BYTES = 24

_BLOCK_BITS = 128
_BLOCK = (1 << _BLOCK_BITS) - 1
_HALF = NONCE_BYTES // 2
_LABELS = (0x0001_5800 << 96, 0x0002_5800 << 96)
_TWICE = (1 << _BLOCK_BITS) | 1


class XAES256GCM:
    """The AEAD under one key; safe to share between threads."""

    __slots__ = ("_blocks", "_lock", "_mask")

    def __init__(self, key: bytes) -> None:
        invariant(len(key) == KEY_BYTES, "an XAES-256-GCM key is 32 bytes")
        # Raw AES is the specification's own building block. One context serves all derivations,
        # ten times faster than a new one each. The library refuses to enter it twice at a time:
        # today the interpreter lock prevents that, the lock here does not depend on it.
        self._blocks = Cipher(AES256(key), ECB()).encryptor()  # noqa: S305 - single blocks, by spec
        self._lock = Lock()
        self._mask = self._subkey_mask()

    def encrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
        """Return ciphertext and tag; the nonce is 24 random bytes, never used twice."""
        invariant(len(nonce) == NONCE_BYTES, "an XAES-256-GCM nonce is 24 bytes")
        return self._derive(nonce).encrypt(nonce[_HALF:], data, aad)

    def decrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
        """Return the plaintext, or raise `Tampered`."""
        if len(nonce) != NONCE_BYTES:
            raise Tampered
        try:
            return self._derive(nonce).decrypt(nonce[_HALF:], data, aad)
        except InvalidTag as problem:
            raise Tampered from problem

    def _subkey_mask(self) -> int:
        """Return what both derivation blocks, twice the nonce's half, are masked with (1 to 4)."""
        subkey = int.from_bytes(self._blocks.update(bytes(16)), "big") << 1
        if subkey > _BLOCK:
            subkey = (subkey & _BLOCK) ^ 0b10000111
        first, second = (label ^ subkey for label in _LABELS)
        return first << _BLOCK_BITS | second

    def _derive(self, nonce: bytes) -> AESGCM:
        """Return the cipher of a nonce's first half (step 5)."""
        blocks = int.from_bytes(nonce[:_HALF], "big") * _TWICE ^ self._mask
        with self._lock:
            key = self._blocks.update(blocks.to_bytes(KEY_BYTES, "big"))
        return AESGCM(key)
