"""Bearer tokens: read strictly before a library sees them, verified, and judged claim by claim.

Refused although common parsers let it pass: padding, whitespace and stray bits in base64url,
duplicate JSON members, header members beyond `typ`, `alg` and `kid`, numbers of the wrong type
(RFC 7515, RFC 7519 section 2, RFC 8725). The algorithm is that of the issuer's key, never the
token's choice alone.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import NoReturn

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from rempart.ekm.access.jwks import PublicKey
from rempart.ekm.model.holdings import Issuer

TOKEN_CHARS_MAX = 8 * 1024
LIFE_SECONDS_MAX = 3600
SKEW_SECONDS = 60

_SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HEADER_MEMBERS = frozenset(("typ", "alg", "kid"))
_SECONDS_MAX = 1 << 53
_AGENT = re.compile(r"service-([1-9][0-9]{0,18})@([a-z0-9.-]{1,253})")


class Rejected(Exception):  # noqa: N818 - a verdict on a credential, not a fault
    """Why a token was refused: for the log, never for the caller."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was read and not yet verified."""

    raw: str = field(repr=False)
    algorithm: str
    key_id: str
    claims: dict[str, object]

    @property
    def issuer(self) -> str:
        """Return who claims to have signed it."""
        return _text(self.claims, "iss")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, proven: the service agent, its project's number, and who vouches for it."""

    issuer: str
    email: str
    project: str


def read(raw: str) -> Token:
    """Return a compact JWS's parts; nothing of it is proven. Raises `Rejected`."""
    if len(raw) > TOKEN_CHARS_MAX:
        raise Rejected("the token is too long")
    segments = _SEGMENTS.fullmatch(raw)
    if segments is None:
        raise Rejected("the token is not three base64url segments")
    header, claims, _ = (_decode(segment) for segment in segments.groups())
    members = _object(header)
    if not members.keys() <= _HEADER_MEMBERS:
        raise Rejected("the token's header has a member beyond typ, alg and kid")
    if members.get("typ", "JWT") != "JWT":
        raise Rejected("the token is of another type")
    key_id = members.get("kid")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise Rejected("the token names no usable key")
    return Token(raw, _text(members, "alg"), key_id, _object(claims))


def verify(
    token: Token, issuer: Issuer, key: PublicKey, audiences: frozenset[str], now: int
) -> Caller:
    """Return the caller that a token of this issuer proves, at `now` in seconds; else `Rejected`.

    `issuer` is the one that the token names, `key` the key of that issuer that it names.
    """
    if token.algorithm != key.algorithm:
        raise Rejected("the token has another algorithm than the issuer's key")
    try:
        PyJWS(algorithms=[key.algorithm]).decode(token.raw, key.loaded, algorithms=[key.algorithm])
    except PyJWTError as problem:
        raise Rejected("the token's signature does not verify") from problem
    ours = frozenset(issuer.audiences) or audiences
    if _text(token.claims, "aud") not in ours:
        raise Rejected(f"the token is for another audience than {' or '.join(sorted(ours))}")
    _check_times(token.claims, now)
    return _agent(token.claims, issuer)


def _agent(claims: dict[str, object], issuer: Issuer) -> Caller:
    email = _text(claims, "email")
    found = _AGENT.fullmatch(email)
    if found is None or found[2] not in issuer.mail_domains:
        raise Rejected("the token's email is no service agent of this issuer")
    if claims.get("email_verified") is not True:
        raise Rejected("the token's email is not verified")
    if not _text(claims, "sub"):
        raise Rejected("the token has no subject")
    return Caller(issuer.issuer, email, found[1])


def _check_times(claims: dict[str, object], now: int) -> None:
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    if expires + SKEW_SECONDS <= now:
        raise Rejected("the token has expired")
    if issued > now + SKEW_SECONDS:
        raise Rejected("the token was issued in the future")
    if "nbf" in claims and _seconds(claims, "nbf") > now + SKEW_SECONDS:
        raise Rejected("the token is not valid yet")
    if not 0 < expires - issued <= LIFE_SECONDS_MAX:
        raise Rejected("the token lives for more than an hour")


def _decode(segment: str) -> bytes:
    try:
        content = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (Base64Error, ValueError) as problem:
        raise Rejected("the token is not base64url") from problem
    if urlsafe_b64encode(content).rstrip(b"=") != segment.encode():
        raise Rejected("the token is not canonical base64url")
    return content


def _object(content: bytes) -> dict[str, object]:
    try:
        value = json.loads(
            content.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as problem:
        raise Rejected("the token is not JSON") from problem
    if not isinstance(value, dict):
        raise Rejected("the token is not a JSON object")
    return value


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Rejected("a member of the token occurs twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise Rejected(f"{name} is not JSON")


def _text(members: dict[str, object], name: str) -> str:
    value = members.get(name, "")
    if not isinstance(value, str):
        raise Rejected(f"the token's {name} is not a text")
    return value


def _seconds(claims: dict[str, object], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < _SECONDS_MAX:
        raise Rejected(f"the token's {name} is not a time in seconds")
    return value
