"""Sealing under a token's key that never sees the message: a key for each is derived in the token.

The derivation is NIST SP 800-108's, in counter mode with HMAC-SHA-256, one block; the seal is
Cobblestone-256, which commits to its key and context. Specified in docs/spec/kms-ciphertext.md.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from rempart.core.clock import system_random
from rempart.trust.custody.errors import Tampered

SALT_BYTES = 32
KEY_BITS = 256

Authenticate = Callable[[bytes], bytes]
"""HMAC-SHA-256 under the token's key."""


def seal(authenticate: Authenticate, label: bytes, head: bytes, aad: bytes, text: bytes) -> bytes:
    """Return head, salt and message; `label` is what the key is for, `head` of a fixed length."""
    salt = system_random(SALT_BYTES)
    key = authenticate(derivation(label, salt))
    sealer = Cobblestone256Encryptor(key, _context(label, head, salt, aad))
    return b"".join((head, salt, sealer.update(text), sealer.finalize()))


def opened(authenticate: Authenticate, label: bytes, head: bytes, aad: bytes, rest: bytes) -> bytes:
    """Return what `seal` sealed, given what follows the head; raises `Tampered`."""
    salt, message = rest[:SALT_BYTES], rest[SALT_BYTES:]
    if len(salt) != SALT_BYTES:
        raise Tampered
    key = authenticate(derivation(label, salt))
    opener = Cobblestone256Decryptor(key, _context(label, head, salt, aad))
    try:
        return opener.update(message) + opener.finalize()
    except InvalidTag as problem:
        raise Tampered from problem


def derivation(label: bytes, salt: bytes) -> bytes:
    """Return what the key of a message is the HMAC of (SP 800-108r1, section 4.1)."""
    counter, bits = (1).to_bytes(4, "big"), KEY_BITS.to_bytes(4, "big")
    return counter + label + b"\x00" + salt + bits


def _context(label: bytes, head: bytes, salt: bytes, aad: bytes) -> bytes:
    return label + b"\x00" + head + salt + aad
