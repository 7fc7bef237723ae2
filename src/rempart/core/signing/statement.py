"""Compact JWS of one kind: signed bytes with their purpose in the header (RFC 7515, RFC 8725).

What is signed are the exact bytes of the payload; no text is rebuilt before it is verified. The
header is `alg`, `kid` (the key's thumbprint) and `typ`, which names the kind of statement: a
signature given for one purpose is worth nothing for another.
"""

from __future__ import annotations

import json
import re
from typing import TypeVar

import msgspec
from jwt import PyJWS
from jwt.exceptions import PyJWTError

from rempart.core.signing.keys import PrivateKey, VerifyingKey, public, unbase64url

_SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_ALGORITHMS = ["EdDSA", "ES256"]
_jws = PyJWS(algorithms=_ALGORITHMS)
Content = TypeVar("Content", bound=msgspec.Struct)


class Refused(Exception):  # noqa: N818 - it is named for what it is
    """A statement that does not hold; the message says why, and nothing secret."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The protected header: these three members and no other."""

    alg: str
    kid: str
    typ: str


def sign(key: PrivateKey, typ: str, payload: bytes) -> str:
    """Return the payload, signed, as a compact JWS."""
    registered = public(key)
    headers = {"kid": registered.id, "typ": typ}
    return _jws.encode(payload, key, algorithm=registered.algorithm, headers=headers)


def kind_of(token: str, *, chars_max: int) -> str:
    """Return the kind that a statement says it is of; nothing is verified."""
    return _opened(token, chars_max)[0].typ


def signer(token: str, typ: str, *, chars_max: int) -> str:
    """Return the thumbprint of the key that a statement names; nothing is verified."""
    return _parts(token, typ, chars_max)[0].kid


def verify(token: str, typ: str, key: VerifyingKey, *, chars_max: int) -> bytes:
    """Return the payload of a statement of this kind, signed by this key; raises Refused."""
    header, payload = _parts(token, typ, chars_max)
    if header.alg != key.algorithm or header.kid != key.id:
        raise Refused("it is signed by another key or algorithm")
    try:
        _jws.decode(token, key.load(), algorithms=[key.algorithm])
    except PyJWTError as problem:
        raise Refused("the signature does not verify") from problem
    return payload


def payload_of(token: str, typ: str, *, chars_max: int) -> bytes:
    """Return the payload without verifying it: to be shown, never to be acted on."""
    return _parts(token, typ, chars_max)[1]


def content(payload: bytes, kind: type[Content]) -> Content:
    """Return the payload as the JSON object that it must be; raises Refused.

    A member that occurs twice, one that is unknown or of another type: none of it is a statement.
    """
    try:
        document = json.loads(payload.decode(), object_pairs_hook=_members)
        return msgspec.convert(document, kind)
    except (ValueError, RecursionError, msgspec.ValidationError) as problem:
        raise Refused(f"its content is not what it must be: {problem}") from problem


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _parts(token: str, typ: str, chars_max: int) -> tuple[Header, bytes]:
    header, payload = _opened(token, chars_max)
    if header.typ != typ:
        raise Refused(f"it is not a statement of the kind {typ}")
    return header, payload


def _opened(token: str, chars_max: int) -> tuple[Header, bytes]:
    if len(token) > chars_max:
        raise Refused(f"it is longer than {chars_max} characters")
    segments = _SEGMENTS.fullmatch(token)
    if segments is None:
        raise Refused("it is not a compact JWS")
    try:
        head, payload, _ = (unbase64url(segment) for segment in segments.groups())
        return msgspec.json.decode(head, type=Header), payload
    except (ValueError, msgspec.DecodeError) as problem:
        raise Refused("it is not a compact JWS with alg, kid and typ") from problem
