# ruff: noqa: ARG002 - an operation that a key lacks refuses whatever it is given
"""What a loaded key can do; each kind of key overrides what its purpose allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import (
    SHA1,
    SHA224,
    SHA256,
    SHA384,
    SHA512,
    HashAlgorithm,
)

from rempart.core.errors import unreachable
from rempart.core.limits import KIB
from rempart.trust.custody.errors import Unfit

PLAINTEXT_BYTES_MAX = 64 * KIB
AAD_BYTES_MAX = 64 * KIB
DATA_BYTES_MAX = 64 * KIB
"""The most that is signed, or authenticated by a MAC, in one call."""

DIGESTS: dict[str, HashAlgorithm] = {
    "sha1": SHA1(),  # noqa: S303 - Google offers OAEP and HMAC with it; the table flags them
    "sha224": SHA224(),
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
}

_OTHER_PURPOSE = "an operation that this key's purpose does not have"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half in the formats that are defined for it; the others are empty.

    `der` is a SubjectPublicKeyInfo and `pem` its text. `raw` is the form of FIPS 203 and 204
    (Google's NIST_PQC), of an X-Wing key the draft's (XWING_RAW_BYTES).
    """

    pem: str = ""
    der: bytes = b""
    raw: bytes = b""


class RawCiphertext(NamedTuple):
    """What raw encryption gives: the ciphertext, with a GCM tag at its end, and the IV used."""

    ciphertext: bytes
    initialization_vector: bytes


class Key:
    """Loaded key material, ready for use and safe to share between threads.

    An operation of another purpose is a bug of the caller, who knows the algorithm. Wrong lengths
    raise `Unfit`; whatever does not open raises `Tampered`, the same for every cause.
    """

    __slots__ = ()

    def encrypt(self, plaintext: bytes, aad: bytes, version: bytes) -> bytes:
        """Seal; `version` (8 bytes) is found again with `symmetric.version_of`."""
        unreachable(_OTHER_PURPOSE)

    def decrypt(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        """Open what `encrypt` sealed; of an asymmetric key, what its public half encrypted."""
        unreachable(_OTHER_PURPOSE)

    def raw_encrypt(
        self, plaintext: bytes, aad: bytes = b"", initialization_vector: bytes = b""
    ) -> RawCiphertext:
        """Encrypt in a standard mode; GCM takes no initialization vector, the others may."""
        unreachable(_OTHER_PURPOSE)

    def raw_decrypt(
        self, ciphertext: bytes, initialization_vector: bytes, aad: bytes = b"", tag_length: int = 0
    ) -> bytes:
        """Decrypt what `raw_encrypt` gave; `tag_length` 0 is the algorithm's own."""
        unreachable(_OTHER_PURPOSE)

    def sign(self, data: bytes) -> bytes:
        """Sign data, hashed first where the algorithm has a digest."""
        unreachable(_OTHER_PURPOSE)

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign the algorithm's digest of the data (`Algorithm.digest` names it)."""
        unreachable(_OTHER_PURPOSE)

    def mac_sign(self, data: bytes) -> bytes:
        """Return the authentication code of the data."""
        unreachable(_OTHER_PURPOSE)

    def mac_verify(self, data: bytes, mac: bytes) -> bool:
        """Tell, in constant time, whether `mac` is the whole code of the data."""
        unreachable(_OTHER_PURPOSE)

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the shared secret; a forged ciphertext gives an unrelated one."""
        unreachable(_OTHER_PURPOSE)

    def public_key(self) -> PublicKey:
        """Return the public half."""
        unreachable(_OTHER_PURPOSE)


def check_size(what: str, value: bytes, most: int) -> None:
    """Raise `Unfit` for more than `most` bytes."""
    if len(value) > most:
        raise Unfit(f"The {what} has {len(value)} bytes; at most {most} are allowed.")


def check_length(what: str, value: bytes, length: int) -> None:
    """Raise `Unfit` unless there are exactly `length` bytes."""
    if len(value) != length:
        raise Unfit(f"The {what} has {len(value)} bytes; it must have {length}.")
