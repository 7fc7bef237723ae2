"""What the log shows of an entry before it is opened: a salted commitment.

SHA-256 over a fixed prefix, a salt of 32 random bytes and the content (docs/spec/feed.md). Without
the salt the commitment says nothing of the content, even to who guesses it; with the salt nobody
can open it as another content.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import msgspec

SALT_BYTES = 32
COMMITMENT_BYTES = 32
_PREFIX = b"rempart.log.v1\x00"


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What opens a commitment: its salt, and the content of the entry."""

    salt: bytes
    content: bytes

    def commitment(self) -> bytes:
        """Return the commitment that this opens."""
        return commitment(self.salt, self.content)

    def opens(self, entry: bytes) -> bool:
        """Tell whether this is what a commitment was made of."""
        return len(self.salt) == SALT_BYTES and hmac.compare_digest(self.commitment(), entry)


def digest(entries: Iterable[tuple[int, bytes]]) -> str:
    """Return the digest of entries, each an index and its commitment, in hexadecimal.

    SHA-256 over each index in 8 bytes, big-endian, and its commitment (docs/spec/feed.md).
    """
    hashed = hashlib.sha256()
    for index, entry in entries:
        hashed.update(index.to_bytes(8, "big") + entry)
    return hashed.hexdigest()


def commitment(salt: bytes, content: bytes) -> bytes:
    """Return the commitment to a content under a salt of `SALT_BYTES`."""
    return hashlib.sha256(_PREFIX + salt + content).digest()
