"""Sealing with Cobblestone-256 (c2sp.org/chunked-encryption): commits to key and context."""

from __future__ import annotations

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from rempart.trust.custody.errors import Tampered

OVERHEAD_BYTES = 24 + 32 + 16
"""Salt, commitment and one tag; each further 16 KiB adds a tag."""


def seal(key: bytes, context: bytes, plain: bytes) -> bytes:
    """Return a message that opens under this key and context alone."""
    sealer = Cobblestone256Encryptor(key, context)
    return sealer.update(plain) + sealer.finalize()


def unseal(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """Return the plaintext, or raise `Tampered`."""
    opener = Cobblestone256Decryptor(key, context)
    try:
        return opener.update(sealed) + opener.finalize()
    except InvalidTag as problem:
        raise Tampered from problem
