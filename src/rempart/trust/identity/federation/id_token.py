"""ID tokens of outside issuers: read strictly, verified by the issuer's key, judged by claim.

The algorithm is the key's, never the token's choice (RFC 8725, section 3.1). Of header members
beyond `typ`, `alg` and `kid` only the thumbprints that some providers add are let pass, unread.
Source: OpenID Connect Core 1.0, section 3.1.3.7; Google's documents on tokens for federation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from rempart.core.jwks import PublicKey
from rempart.core.jws import NotStrict, read_jws
from rempart.trust.identity.federation.refusal import Refused

TOKEN_CHARS_MAX = 16 * 1024
LIFE_SECONDS_MAX = 24 * 3600
SKEW_SECONDS = 60
KEY_ID_CHARS_MAX = 256
AUDIENCES_MAX = 10
_SECONDS_MAX = 1 << 53
_THUMBPRINTS = frozenset(("x5t", "x5t#S256"))


@dataclass(frozen=True, slots=True)
class IDToken:
    """A token that was read; nothing of it is proven."""

    raw: str = field(repr=False)
    algorithm: str
    key_id: str
    claims: Mapping[str, object] = field(repr=False)


def read(raw: str) -> IDToken:
    """Return a token's parts; raises `Refused`."""
    try:
        header, claims = read_jws(raw, chars_max=TOKEN_CHARS_MAX, also=_THUMBPRINTS)
    except NotStrict as problem:
        raise Refused(f"The subject token is {problem}.") from problem
    key_id, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= KEY_ID_CHARS_MAX:
        raise Refused("The subject token's header has no usable kid.")
    if not isinstance(algorithm, str):
        raise Refused("The subject token's header has no alg.")
    return IDToken(raw, algorithm, key_id, claims)


def check_issuer(token: IDToken, issuer: str) -> None:
    """Refuse a token that is not in this issuer's name, before anything is fetched for it."""
    if token.claims.get("iss") != issuer:
        raise Refused("The issuer in the subject token does not match the provider's.")


def verify(
    token: IDToken, keys: Mapping[str, PublicKey], audiences: frozenset[str], now: int
) -> Mapping[str, object]:
    """Return the claims that one of the issuer's keys proves, at `now` in seconds; else `Refused`.

    Who may have got the token (`audiences`) and its times are judged once it is proven.
    """
    key = keys.get(token.key_id)
    if key is None:
        raise Refused("The issuer has no key of the subject token's kid.")
    if token.algorithm != key.algorithm:
        raise Refused("The subject token has another algorithm than the issuer's key.")
    try:
        PyJWS(algorithms=[key.algorithm]).decode(token.raw, key.loaded, algorithms=[key.algorithm])
    except PyJWTError as problem:
        raise Refused("The subject token's signature does not verify.") from problem
    _check_audience(token.claims.get("aud"), audiences)
    _check_times(token.claims, now)
    if not isinstance(token.claims.get("sub"), str) or not token.claims["sub"]:
        raise Refused("The subject token has no sub.")
    return token.claims


def _check_audience(said: object, audiences: frozenset[str]) -> None:
    named = said if isinstance(said, list) else [said]
    if not 0 < len(named) <= AUDIENCES_MAX or not all(isinstance(one, str) for one in named):
        raise Refused("The subject token's aud is not a text, or a few.")
    if audiences.isdisjoint(named):
        raise Refused("The audience in the subject token does not match the expected audience.")


def _check_times(claims: Mapping[str, object], now: int) -> None:
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    if expires + SKEW_SECONDS <= now:
        raise Refused("The subject token has expired.")
    if issued > now + SKEW_SECONDS:
        raise Refused("The subject token was issued in the future.")
    if "nbf" in claims and _seconds(claims, "nbf") > now + SKEW_SECONDS:
        raise Refused("The subject token is not valid yet.")
    if not 0 < expires - issued <= LIFE_SECONDS_MAX:
        raise Refused("The subject token lives for more than 24 hours.")


def _seconds(claims: Mapping[str, object], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < _SECONDS_MAX:
        raise Refused(f"The subject token's {name} is not a time in seconds.")
    return value
