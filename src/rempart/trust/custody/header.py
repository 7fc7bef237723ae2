"""The first bytes of every ciphertext of Cloud KMS: what made it, and which key version opens it.

Specified in docs/spec/kms-ciphertext.md.
"""

from __future__ import annotations

from enum import Enum

from rempart.core.errors import invariant
from rempart.trust.custody.errors import Tampered

VERSION_BYTES = 8
HEADER_BYTES = 1 + VERSION_BYTES


class Format(Enum):
    """What follows the header; each mechanism has its own."""

    SOFTWARE = b"\x01"
    TOKEN = b"\x02"
    EXTERNAL = b"\x03"


_FORMATS = {one.value for one in Format}


def header(form: Format, version: bytes) -> bytes:
    """Return the header of a ciphertext of a key version."""
    invariant(len(version) == VERSION_BYTES, "a key version's id is 8 bytes")
    return form.value + version


def version_of(ciphertext: bytes) -> bytes:
    """Return the id of the key version that sealed a ciphertext, unproven until it is opened."""
    if len(ciphertext) < HEADER_BYTES or ciphertext[:1] not in _FORMATS:
        raise Tampered
    return ciphertext[1:HEADER_BYTES]


def opened(form: Format, ciphertext: bytes) -> tuple[bytes, bytes]:
    """Return header and rest of a ciphertext of one format; raises `Tampered` for another."""
    if len(ciphertext) < HEADER_BYTES or ciphertext[:1] != form.value:
        raise Tampered
    return ciphertext[:HEADER_BYTES], ciphertext[HEADER_BYTES:]
