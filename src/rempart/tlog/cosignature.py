"""What a cosigner signs (C2SP tlog-cosignature): `cosignature/v1` and `subtree/v1` messages."""

from __future__ import annotations

from struct import Struct

from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.errors import Malformed
from rempart.tlog.text import NUMBER_MAX

_TIMESTAMP = Struct(">Q")
_LABEL = b"subtree/v1\n\x00"
_NAME_BYTES_MAX = 255


def ed25519_message(text: str, seconds: int) -> bytes:
    """Return the message of an Ed25519 cosignature: a header, the time, the checkpoint's text."""
    parse_checkpoint(text)
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def ml_dsa_message(name: str, text: str, seconds: int) -> bytes:
    """Return the message of an ML-DSA-44 cosignature of a whole tree.

    It commits to the cosigner's name, and not to the checkpoint's extension lines.
    """
    seen = parse_checkpoint(text)
    return b"".join(
        (
            _LABEL,
            _short(name),
            _TIMESTAMP.pack(seconds),
            _short(seen.origin),
            _TIMESTAMP.pack(0),
            _TIMESTAMP.pack(seen.size),
            seen.root,
        )
    )


def join_time(seconds: int, signature: bytes) -> bytes:
    """Return a `timestamped_signature`."""
    return _TIMESTAMP.pack(seconds) + signature


def split_time(content: bytes, signature_bytes: int) -> tuple[int, bytes]:
    """Return the time in seconds and the signature of a `timestamped_signature`."""
    if len(content) != _TIMESTAMP.size + signature_bytes:
        raise Malformed(f"A cosignature has {_TIMESTAMP.size + signature_bytes} bytes.")
    (seconds,) = _TIMESTAMP.unpack_from(content)
    if seconds > NUMBER_MAX:
        raise Malformed("A cosignature's time is below 2^63.")
    return seconds, content[_TIMESTAMP.size :]


def _short(text: str) -> bytes:
    content = text.encode()
    if not 1 <= len(content) <= _NAME_BYTES_MAX:
        raise Malformed("A name in an ML-DSA cosignature has 1 to 255 bytes.")
    return bytes((len(content),)) + content
