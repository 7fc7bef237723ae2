"""XAES-256-GCM as published at c2sp.org/XAES-256-GCM: AES-256-GCM with a 24-byte random nonce.

For records and wrapped keys. The nonce is long enough to draw at random 2**80 times under one key;
`seal` draws its first half, from which a key is derived, once for many messages. It does not commit
to its key: nothing sealed with it may be tried under keys that a stranger chose.
"""

from __future__ import annotations

from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from rempart.core.clock import Random
from rempart.core.errors import invariant
from rempart.trust.custody.errors import Tampered

KEY_BYTES = 32
NONCE_BYTES = 24

SEALED_UNDER_A_HALF = 1 << 16
"""So many messages share a nonce's first half; 2**48 of them still keep their second halves apart,
all of them, but for a chance of 2**-33 (docs/spec/record.md)."""

DERIVED_KEPT = 32
"""Ciphers of first halves that stay in memory, 2.5 KB each."""

_BLOCK_BITS = 128
_BLOCK = (1 << _BLOCK_BITS) - 1
_HALF = NONCE_BYTES // 2
_LABELS = (0x0001_5800 << 96, 0x0002_5800 << 96)
_TWICE = (1 << _BLOCK_BITS) | 1


class XAES256GCM:
    """The AEAD under one key; safe to share between threads."""

    __slots__ = ("_blocks", "_derived", "_half", "_left", "_lock", "_mask")

    def __init__(self, key: bytes) -> None:
        invariant(len(key) == KEY_BYTES, "an XAES-256-GCM key is 32 bytes")
        # Raw AES is the specification's own building block. One context serves all derivations,
        # ten times faster than a new one each. The library refuses to enter it twice at a time:
        # today the interpreter lock prevents that, the lock here does not depend on it.
        self._blocks = Cipher(AES256(key), ECB()).encryptor()  # noqa: S305 - single blocks, by spec
        self._lock = Lock()
        self._mask = self._subkey_mask()
        self._derived: dict[bytes, AESGCM] = {}
        self._half, self._left = b"", 0

    def seal(self, data: bytes, aad: bytes, random: Random) -> bytes:
        """Return a fresh nonce, then ciphertext and tag."""
        with self._lock:
            if not self._left:
                self._half, self._left = random(_HALF), SEALED_UNDER_A_HALF
            self._left -= 1
            half = self._half
        nonce = half + random(_HALF)
        return nonce + self.encrypt(nonce, data, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Return the plaintext of what `seal` returned, or raise `Tampered`."""
        return self.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)

    def encrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
        """Return ciphertext and tag; the nonce is 24 random bytes, never used twice."""
        invariant(len(nonce) == NONCE_BYTES, "an XAES-256-GCM nonce is 24 bytes")
        return self._cipher(nonce[:_HALF]).encrypt(nonce[_HALF:], data, aad)

    def decrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
        """Return the plaintext, or raise `Tampered`."""
        if len(nonce) != NONCE_BYTES:
            raise Tampered
        try:
            return self._cipher(nonce[:_HALF]).decrypt(nonce[_HALF:], data, aad)
        except InvalidTag as problem:
            raise Tampered from problem

    def _subkey_mask(self) -> int:
        """Return what both derivation blocks, twice the nonce's half, are masked with (1 to 4)."""
        subkey = int.from_bytes(self._blocks.update(bytes(16)), "big") << 1
        if subkey > _BLOCK:
            subkey = (subkey & _BLOCK) ^ 0b10000111
        first, second = (label ^ subkey for label in _LABELS)
        return first << _BLOCK_BITS | second

    def _cipher(self, half: bytes) -> AESGCM:
        """Return the cipher of a nonce's first half, derived once while it is kept."""
        kept = self._derived.get(half)
        if kept is not None:
            return kept
        with self._lock:
            if len(self._derived) >= DERIVED_KEPT:
                del self._derived[next(iter(self._derived))]
            made = self._derived[half] = self._derive(half)
        return made

    def _derive(self, half: bytes) -> AESGCM:
        """Return the cipher of a nonce's first half (step 5); the lock is held."""
        blocks = int.from_bytes(half, "big") * _TWICE ^ self._mask
        return AESGCM(self._blocks.update(blocks.to_bytes(KEY_BYTES, "big")))
