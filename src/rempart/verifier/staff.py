"""Who employs a member of the operator's staff, by registers that an officer signed.

A register is a compact JWS (docs/spec/staff-register.md). It speaks from `issued` until `expires`;
so a report over a year takes the registers of that year.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from rempart.tlog.errors import Malformed, Refuted
from rempart.verifier.leaf import NOT_JSON

TYPE = "rempart-staff-register+jwt"
REGISTER_BYTES_MAX = 8 << 20
KEY_BYTES_MAX = 64 << 10
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\n?", re.ASCII)
_COORDINATE_BYTES = 32
_SECOND = 1_000_000


class Key(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An officer's public key, a JSON Web Key."""

    kty: str
    crv: str
    x: str
    y: str = ""


class Officer(msgspec.Struct, frozen=True):
    """Who signs registers, as `rempart ekm officer public` prints it."""

    name: str
    key: Key


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: str


class Person(msgspec.Struct, frozen=True):
    """A person of the staff, as far as a report tells of them."""

    name: str
    members: tuple[str, ...]
    employer: str


class Register(msgspec.Struct, frozen=True):
    """What an officer attests for a time, in seconds since 1970."""

    serial: int
    issued: int
    expires: int
    staff: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Staff:
    """Registers, asked for a time."""

    registers: Sequence[tuple[Register, dict[str, Person]]] = ()

    def person(self, members: Sequence[str], micros: int) -> Person | None:
        """Return the first of these who was on the staff at a time, by the newest register."""
        for register, people in self.registers:
            if register.issued <= micros // _SECOND < register.expires:
                found = (people[it] for it in map(_canonical, members) if it in people)
                return next(found, None)
        return None


def read_staff(paths: Sequence[Path], officer: Path | None) -> Staff:
    """Return registers that an officer signed; raises `Malformed`, `Refuted` or `OSError`."""
    if not paths:
        return Staff()
    if officer is None:
        raise Malformed("A staff register is believed by its officer's key: pass --officer FILE.")
    try:
        key = msgspec.json.decode(officer.read_bytes()[:KEY_BYTES_MAX], type=Officer).key
    except NOT_JSON as problem:
        raise Malformed(f"{officer} is no officer's public key: {problem}.") from None
    found = [_opened(path, key) for path in paths]
    return Staff([(it, _people(it)) for it in sorted(found, key=lambda it: -it.serial)])


def _opened(path: Path, key: Key) -> Register:
    """Return the register in a file, if this key signed it."""
    try:
        parts = _COMPACT.fullmatch(path.read_bytes()[: REGISTER_BYTES_MAX + 2].decode("ascii"))
        if parts is None:
            raise Malformed(f"{path} is no signed staff register.")
        header = msgspec.json.decode(_bytes(parts[1]), type=_Header)
        algorithm = "EdDSA" if key.kty == "OKP" else "ES256"
        if header != _Header(algorithm, _thumbprint(key), TYPE):
            raise Refuted(f"{path} is not signed by this officer.")
        _check(key, _bytes(parts[3]), f"{parts[1]}.{parts[2]}".encode())
        return msgspec.json.decode(_bytes(parts[2]), type=Register)
    except InvalidSignature:
        raise Refuted(f"{path}: the officer's signature does not hold.") from None
    except (ValueError, RecursionError):
        raise Malformed(f"{path} is no signed staff register.") from None


def _check(key: Key, signature: bytes, signed: bytes) -> None:
    x = _bytes(key.x)
    if (key.kty, key.crv) == ("OKP", "Ed25519"):
        Ed25519PublicKey.from_public_bytes(x).verify(signature, signed)
        return
    if (key.kty, key.crv) != ("EC", "P-256") or len(signature) != 2 * _COORDINATE_BYTES:
        raise InvalidSignature
    point = int.from_bytes(x, "big"), int.from_bytes(_bytes(key.y), "big")
    r, s = (int.from_bytes(it, "big") for it in (signature[:32], signature[32:]))
    public = EllipticCurvePublicNumbers(*point, SECP256R1()).public_key()
    public.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))


def _thumbprint(key: Key) -> str:
    digest = hashlib.sha256(msgspec.json.encode(key, order="sorted")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _people(register: Register) -> dict[str, Person]:
    return {_canonical(member): one for one in register.staff for member in one.members}


def _canonical(member: str) -> str:
    kind, _, address = member.partition(":")
    return member if kind == "principal" else f"{kind}:{address.lower()}"
