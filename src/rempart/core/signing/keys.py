"""Public keys of people: JSON Web Keys of two kinds, known by their thumbprint.

Ed25519 signs by EdDSA (RFC 8037), P-256 by ES256 (RFC 7518). Which of them a signature must be is
the registered key's affair, never the statement's (RFC 8725, section 3.1).
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rempart.core.errors import invalid

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

COORDINATE_BYTES = 32
_LOADED_MAX = 256


class VerifyingKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A public key as a JSON Web Key: its members, and nothing besides (RFC 7517)."""

    kty: str
    crv: str
    x: str
    y: str = ""

    @property
    def algorithm(self) -> str:
        """Return the one algorithm that this key verifies."""
        return "EdDSA" if self.kty == "OKP" else "ES256"

    @property
    def id(self) -> str:
        """Return the key's thumbprint by SHA-256 (RFC 7638)."""
        # The members in the order of their names, without white space: as the standard wants them.
        members = msgspec.json.encode(self, order="sorted")
        return base64url(hashlib.sha256(members).digest())

    def load(self) -> PublicKey:
        """Return the key for verifying; raises `invalid` for what is no such key."""
        return _load(self)


class Signatory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An officer or an approver: a name for people, and the key that signs."""

    name: str
    key: VerifyingKey


def public(key: PrivateKey) -> VerifyingKey:
    """Return the public part of a private key, to be registered."""
    return of(key.public_key())


def of(key: PublicKey) -> VerifyingKey:
    """Return a public key as a JSON Web Key; raises `invalid` for another curve."""
    if isinstance(key, Ed25519PublicKey):
        return VerifyingKey("OKP", "Ed25519", base64url(key.public_bytes_raw()))
    if not isinstance(key.curve, SECP256R1):
        raise invalid("A signing key is Ed25519 or P-256.")
    numbers = key.public_numbers()
    x, y = (number.to_bytes(COORDINATE_BYTES, "big") for number in (numbers.x, numbers.y))
    return VerifyingKey("EC", "P-256", base64url(x), base64url(y))


def base64url(content: bytes) -> str:
    """Return bytes in base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """Return the bytes of canonical base64url without padding; raises ValueError."""
    content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(content) != text:
        raise ValueError("not canonical base64url")
    return content


@lru_cache(maxsize=_LOADED_MAX)
def _load(key: VerifyingKey) -> PublicKey:
    try:
        x = unbase64url(key.x)
        if (key.kty, key.crv, key.y) == ("OKP", "Ed25519", ""):
            return Ed25519PublicKey.from_public_bytes(x)
        y = unbase64url(key.y)
        if (key.kty, key.crv, len(x), len(y)) == (
            "EC",
            "P-256",
            COORDINATE_BYTES,
            COORDINATE_BYTES,
        ):
            point = (int.from_bytes(x, "big"), int.from_bytes(y, "big"))
            return EllipticCurvePublicNumbers(*point, SECP256R1()).public_key()
    except ValueError as problem:
        raise invalid("This is not a public key of Ed25519 or P-256.", field="key") from problem
    raise invalid("A signing key is Ed25519 or P-256, as a JSON Web Key.", field="key")
