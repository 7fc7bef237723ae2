"""CRC32C and MD5 of plaintext: as clients write them, and how parts combine.

Source: RFC 3720 appendix B.4 (the polynomial); zlib's crc32_combine for the method.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import TypeVar

import msgspec

from rempart.core.errors import invalid

_POLYNOMIAL = 0x82F63B78
_BITS = 32
CRC32C_BYTES = 4
MD5_BYTES = 16

Claim = TypeVar("Claim", int, bytes)


class Checksums(msgspec.Struct, frozen=True, gc=False):
    """What a caller claims of a body; None where nothing is claimed."""

    crc32c: int | None = None
    md5: bytes | None = None

    def merge(self, other: Checksums) -> Checksums:
        """Return both claims together; refuses two claims that contradict each other."""
        return Checksums(
            _same(self.crc32c, other.crc32c, "crc32c"), _same(self.md5, other.md5, "md5Hash")
        )

    def verify(self, *, crc32c: int, md5: bytes | None) -> None:
        """Raise `invalid` unless the claims hold."""
        if self.crc32c is not None and self.crc32c != crc32c:
            raise invalid(_mismatch("CRC32C", crc32c_text(self.crc32c), crc32c_text(crc32c)))
        if self.md5 is not None and md5 is not None and self.md5 != md5:
            raise invalid(_mismatch("MD5 hash", md5_text(self.md5), md5_text(md5)))


def _mismatch(what: str, claimed: str, found: str) -> str:
    return f'Provided {what} "{claimed}" doesn\'t match calculated {what} "{found}".'


def _same(one: Claim | None, other: Claim | None, name: str) -> Claim | None:
    if one is not None and other is not None and one != other:
        raise invalid(f"Two different values were given for {name}.", field=name)
    return other if one is None else one


def claims(*, crc32c: str = "", md5: str = "") -> Checksums:
    """Return the claims of `crc32c` and `md5Hash` members, both in base64."""
    return Checksums(
        int.from_bytes(_decode(crc32c, CRC32C_BYTES, "crc32c"), "big") if crc32c else None,
        _decode(md5, MD5_BYTES, "md5Hash") if md5 else None,
    )


def header_claims(goog_hash: str, content_md5: str) -> Checksums:
    """Return the claims of the `X-Goog-Hash` and `Content-MD5` headers."""
    found = claims(md5=content_md5)
    for item in filter(None, (part.strip() for part in goog_hash.split(","))):
        name, _, value = item.partition("=")
        if name == "crc32c":
            found = found.merge(claims(crc32c=value))
        elif name == "md5":
            found = found.merge(claims(md5=value))
        else:
            raise invalid(f"Unknown hash '{name[:20]}' in X-Goog-Hash.", field="X-Goog-Hash")
    return found


def _decode(text: str, length: int, name: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise invalid(f"Invalid value for '{name}': not base64.", field=name) from problem
    if len(value) != length:
        raise invalid(f"Invalid value for '{name}': expected {length} bytes.", field=name)
    return value


def crc32c_text(value: int) -> str:
    """Return a CRC32C as Google writes it: base64 of its 4 bytes, most significant first."""
    return base64.b64encode(value.to_bytes(CRC32C_BYTES, "big")).decode()


def md5_text(value: bytes) -> str:
    """Return an MD5 as Google writes it: base64."""
    return base64.b64encode(value).decode()


def combine(first: int, second: int, second_length: int) -> int:
    """Return the CRC32C of two bodies in a row, given each one's and the second's length."""
    power = 0
    while second_length:
        if second_length & 1:
            first = _apply(_zeros(power), first)
        second_length >>= 1
        power += 1
    return first ^ second


def _apply(matrix: tuple[int, ...], vector: int) -> int:
    total = 0
    for row in matrix:
        if not vector:
            break
        if vector & 1:
            total ^= row
        vector >>= 1
    return total


@lru_cache(maxsize=64)
def _zeros(power: int) -> tuple[int, ...]:
    """Return the matrix that appends 2^power zero bytes to a CRC."""
    if power == 0:
        one_bit = (_POLYNOMIAL, *(1 << bit for bit in range(_BITS - 1)))
        return _square(_square(_square(one_bit)))
    return _square(_zeros(power - 1))


def _square(matrix: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_apply(matrix, row) for row in matrix)
