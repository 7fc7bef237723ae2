"""The running checksums of a plaintext body."""

from __future__ import annotations

import hashlib

import google_crc32c


class Digest:
    """CRC32C, MD5 (Cloud Storage's, not a security measure) and length of what passed by."""

    __slots__ = ("_md5", "crc32c", "size")

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.crc32c = 0
        self.size = 0

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._md5.update(data)
        self.crc32c = google_crc32c.extend(self.crc32c, data)
        self.size += len(data)

    def md5(self) -> bytes:
        """Return the MD5 so far."""
        return self._md5.digest()
