"""Strict reading of a compact JWS, before any library sees it; no signature is checked here.

Refused although common parsers let it pass: padding, whitespace and stray bits in base64url,
duplicate JSON members, header members beyond `typ`, `alg` and `kid` (RFC 7515, RFC 8725).
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import NoReturn

TOKEN_CHARS_MAX = 8 * 1024

_SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_HEADER_MEMBERS = frozenset(("typ", "alg", "kid"))

Members = dict[str, object]


class NotStrict(Exception):  # noqa: N818 - a verdict on a credential, not a fault
    """What is wrong with a token's form: the words that follow "the token is"."""


def read_jws(
    token: str, *, chars_max: int = TOKEN_CHARS_MAX, also: frozenset[str] = frozenset()
) -> tuple[Members, Members]:
    """Return header and payload of a token; raises `NotStrict`.

    `also` are further header members to admit; who admits one ignores it.
    """
    if len(token) > chars_max:
        raise NotStrict(f"longer than {chars_max // 1024} KiB")
    segments = _SEGMENTS.fullmatch(token)
    if segments is None:
        raise NotStrict("not three base64url segments")
    header, payload, _signature = (_decode(segment) for segment in segments.groups())
    members = _object(header)
    if not members.keys() <= _HEADER_MEMBERS | also:
        raise NotStrict("one with a header member beyond typ, alg and kid")
    if members.get("typ", "JWT") != "JWT":
        raise NotStrict("of another type")
    return members, _object(payload)


def _decode(segment: str) -> bytes:
    try:
        content = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (Base64Error, ValueError) as problem:
        raise NotStrict("not base64url") from problem
    if urlsafe_b64encode(content).rstrip(b"=") != segment.encode():
        raise NotStrict("not canonical base64url")
    return content


def _object(content: bytes) -> Members:
    try:
        value = json.loads(
            content.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as problem:
        raise NotStrict("not JSON") from problem
    if not isinstance(value, dict):
        raise NotStrict("not a JSON object")
    return value


def _members(pairs: list[tuple[str, object]]) -> Members:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrict("one in which a JSON member occurs twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise NotStrict(f"not JSON: {name}")
