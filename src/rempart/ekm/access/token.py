"""Bearer tokens: read strictly before a library sees them, verified, and judged claim by claim.

The form is that of `core/jws.py`; here numbers must be numbers, too (RFC 7519, section 2). The
algorithm is that of the issuer's key, never the token's choice alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from rempart.core.jwks import PublicKey
from rempart.core.jws import NotStrict, read_jws
from rempart.ekm.model.holdings import Issuer

LIFE_SECONDS_MAX = 3600
SKEW_SECONDS = 60

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
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
    try:
        header, claims = read_jws(raw)
    except NotStrict as problem:
        raise Rejected(f"the token is {problem}") from problem
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise Rejected("the token names no usable key")
    return Token(raw, _text(header, "alg"), key_id, claims)


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
