"""What `wrap` of a software key answers: a Cobblestone-256 message behind format and key id.

Specified in docs/spec/ekm-store.md. The message commits to the key, the header, the key version as
the cloud names it, and the additional authenticated data: it opens with all of them or not at all.
"""

from __future__ import annotations

from rempart.core.limits import KIB
from rempart.standalone import box
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.pkcs11.message import SALT_BYTES

PLAINTEXT_BYTES_MAX = 64 * KIB
FORMAT = b"\x01"
ID_BYTES = 8
HEADER_BYTES = len(FORMAT) + ID_BYTES
BLOB_BYTES_MAX = HEADER_BYTES + SALT_BYTES + PLAINTEXT_BYTES_MAX + box.OVERHEAD_BYTES + 4 * 16
"""Of a key in a token, whose blobs have a salt before the message."""

_DOMAIN = b"rempart.ekm.blob.v1\x00"


def wrap(key: bytes, key_id: bytes, plaintext: bytes, binding: bytes) -> bytes:
    """Return the blob; `binding` is what `bound` made."""
    header = FORMAT + key_id
    return header + box.seal(key, _DOMAIN + header + binding, plaintext)


def unwrap(key: bytes, key_id: bytes, blob: bytes, binding: bytes) -> bytes:
    """Return the plaintext; raises `Tampered` for another key, binding or format."""
    header = FORMAT + key_id
    if not blob.startswith(header):
        raise Tampered
    return box.unseal(key, _DOMAIN + header + binding, blob[HEADER_BYTES:])


def bound(resource: str, aad: bytes) -> bytes:
    """Return one unambiguous string of what a blob is bound to: each part with its length."""
    name = resource.encode()
    return len(name).to_bytes(4, "big") + name + len(aad).to_bytes(4, "big") + aad
