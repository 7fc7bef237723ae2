"""Strict parsing of compact JWS tokens, before any library sees them.

Refused although common parsers let it pass: padding, whitespace and stray bits in base64url,
duplicate JSON members, header members beyond `typ`, `alg` and `kid`, numbers of the wrong type
(RFC 7515, RFC 7519 section 2, RFC 8725).
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import NoReturn

from rempart.trust.identity.refusal import Rejected

TOKEN_CHARS_MAX = 8 * 1024
_SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER_MEMBERS = frozenset(("typ", "alg", "kid"))
_SECONDS_MAX = 1 << 53


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token that we read; times in Unix seconds, absent texts empty."""

    key_id: str
    issuer: str
    subject: str
    audience: str
    target_audience: str
    scopes: frozenset[str]
    issued: int
    expires: int
    not_before: int


def parse(token: str) -> Claims:
    """Return the claims of a compact JWS, whose signature is not checked here; raises Rejected."""
    if len(token) > TOKEN_CHARS_MAX:
        raise Rejected("longer than 8 KiB")
    segments = _SEGMENTS.fullmatch(token)
    if segments is None:
        raise Rejected("not three base64url segments")
    decoded = [_decode(segment) for segment in segments.groups()]
    return _claims(_key_id(_object(decoded[0])), _object(decoded[1]))


def _decode(segment: str) -> bytes:
    try:
        content = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (Base64Error, ValueError) as problem:
        raise Rejected("not base64url") from problem
    if urlsafe_b64encode(content).rstrip(b"=") != segment.encode():
        raise Rejected("not canonical base64url")
    return content


def _object(content: bytes) -> dict[str, object]:
    try:
        value = json.loads(
            content.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as problem:
        raise Rejected("not JSON") from problem
    if not isinstance(value, dict):
        raise Rejected("not a JSON object")
    return value


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Rejected("a JSON member occurs twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise Rejected(f"{name} is not JSON")


def _key_id(header: dict[str, object]) -> str:
    if not header.keys() <= _HEADER_MEMBERS:
        raise Rejected("a header member beyond typ, alg and kid")
    if header.get("typ", "JWT") != "JWT":
        raise Rejected("another token type")
    if header.get("alg") != "RS256":
        raise Rejected("another algorithm than the registered key's")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise Rejected("no usable key id")
    return key_id


def _claims(key_id: str, payload: dict[str, object]) -> Claims:
    return Claims(
        key_id=key_id,
        issuer=_text(payload, "iss"),
        subject=_text(payload, "sub"),
        audience=_text(payload, "aud"),
        target_audience=_text(payload, "target_audience"),
        scopes=frozenset(_text(payload, "scope").split()),
        issued=_seconds(payload, "iat"),
        expires=_seconds(payload, "exp"),
        not_before=_seconds(payload, "nbf") if "nbf" in payload else 0,
    )


def _text(payload: dict[str, object], name: str) -> str:
    value = payload.get(name, "")
    if not isinstance(value, str):
        raise Rejected(f"{name} is not a text")
    return value


def _seconds(payload: dict[str, object], name: str) -> int:
    value = payload.get(name)
    if type(value) is not int or not 0 <= value < _SECONDS_MAX:
        raise Rejected(f"{name} is not a time in seconds")
    return value
