"""JWTs that service accounts sign themselves: as access tokens and as OAuth assertions.

The signature is PyJWT's affair; what it may be about is decided here. The algorithm is that of
the registered key, never the token's choice (RFC 8725, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt import PyJWS
from jwt.exceptions import PyJWTError

from rempart.core.clock import Micros
from rempart.core.errors import invariant
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.accounts import (
    ACCOUNTS,
    KEYS,
    ServiceAccount,
    ServiceAccountKey,
)
from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.strict import Claims, parse

SKEW_SECONDS = 60
LIFETIME_SECONDS_MAX = 3600
_PUBLIC_KEYS_MAX = 1024
_ALGORITHM = "RS256"
_verifier = PyJWS(algorithms=[_ALGORITHM])


@dataclass(frozen=True, slots=True)
class Signed:
    """A token whose signature, issuer and times hold; what it is good for is still to be asked."""

    claims: Claims
    account: ServiceAccount
    key: ServiceAccountKey


async def verify(sealed: SealedEngine, token: str, *, now: Micros) -> Signed:
    """Return a token's claims with the key and account behind it; raises Rejected."""
    claims = parse(token)
    found = await sealed.find(KEYS, KEYS.key(claims.key_id))
    if found is None:
        raise Rejected("unknown key")
    key = found.value
    _check_signature(token, key.public_key)
    account = await owner(sealed, key, now=now)
    _check_claims(claims, account, now // 1_000_000)
    return Signed(claims, account, key)


async def owner(sealed: SealedEngine, key: ServiceAccountKey, *, now: Micros) -> ServiceAccount:
    """Return the account of a usable key; raises Rejected for a dead key or account."""
    if not key.usable(now):
        raise Rejected("the key is disabled or expired")
    found = await sealed.find(ACCOUNTS, ACCOUNTS.key(key.email))
    if found is None or found.value.disabled or found.value.unique_id != key.unique_id:
        raise Rejected("the account is gone or disabled")
    return found.value


def _check_signature(token: str, public_key: bytes) -> None:
    try:
        _verifier.decode(token, _load(public_key), algorithms=[_ALGORITHM])
    except PyJWTError as problem:
        raise Rejected("the signature does not verify") from problem


@lru_cache(maxsize=_PUBLIC_KEYS_MAX)
def _load(public_key: bytes) -> RSAPublicKey:
    key = load_der_public_key(public_key)
    invariant(isinstance(key, RSAPublicKey), "registered keys are RSA keys")
    return key  # type: ignore[return-value]  # the line above made sure


def _check_claims(claims: Claims, account: ServiceAccount, now: int) -> None:
    if claims.issuer != account.email:
        raise Rejected("the issuer is not the owner of the key")
    if claims.expires <= now:
        raise Rejected("expired")
    if claims.issued > now + SKEW_SECONDS or claims.not_before > now + SKEW_SECONDS:
        raise Rejected("not valid yet")
    if not 0 <= claims.expires - claims.issued <= LIFETIME_SECONDS_MAX + SKEW_SECONDS:
        raise Rejected("valid for longer than an hour")
