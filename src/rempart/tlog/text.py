"""Words that the text formats share, each with exactly one accepted spelling."""

from __future__ import annotations

import base64
import binascii
import re

from rempart.tlog.errors import Malformed

HASH_BYTES = 32
NUMBER_MAX = (1 << 63) - 1
"""The largest size, index and timestamp: what a signed 64-bit number holds."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def decimal(word: str) -> int:
    """Return a number written in ASCII without leading zeros; raises `Malformed`."""
    if not _DECIMAL.fullmatch(word) or (number := int(word)) > NUMBER_MAX:
        raise Malformed(f"{word[:32]!r} is not a number from 0 to 2^63-1 without leading zeros.")
    return number


def encode_base64(content: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(content).decode()


def decode_base64(word: str) -> bytes:
    """Return what a word of standard base64 says; raises `Malformed`.

    Bits that pad the last character must be zero, so that no two words say the same.
    """
    try:
        content = base64.b64decode(word.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Malformed(f"{word[:32]!r} is not base64.") from None
    if encode_base64(content) != word:
        raise Malformed(f"{word[:32]!r} is not base64 in its one canonical spelling.")
    return content


def decode_hash(word: str) -> bytes:
    """Return a SHA-256 hash written in base64; raises `Malformed`."""
    content = decode_base64(word)
    if len(content) != HASH_BYTES:
        raise Malformed(f"A hash has {HASH_BYTES} bytes, not {len(content)}.")
    return content


def is_key_name(name: str) -> bool:
    """Tell whether a name may name a key of a note: no spaces, no plus, no control characters."""
    return bool(name) and not any(
        letter == "+" or letter.isspace() or letter < " " or letter == "\x7f" for letter in name
    )
