"""The universe as an OpenID Connect issuer: signs ID tokens of its service agents, shows its keys.

An external key manager believes these tokens by the published key, given by hand or fetched. The
key is derived from the universe's root, so a restart or a restored backup issues under the same
one. Sources: OpenID Connect Core 1.0, section 2; RFC 8037 (EdDSA in JOSE); RFC 7638 (`kid`).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rempart.core.clock import Clock

ALGORITHM = "EdDSA"
TOKEN_SECONDS = 3600
RENEW_SECONDS = 600
"""A token is not handed out for the last part of its life."""

TOKENS_MAX = 4096
_SECOND = 1_000_000


class Issuer:
    """Signs ID tokens for audiences outside the universe."""

    def __init__(self, domain: str, seed: bytes, clock: Clock) -> None:
        self.name = f"https://accounts.{domain}"
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = _jwk(self._key)
        self._clock = clock
        self._made: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()

    def token(self, audience: str, email: str) -> str:
        """Return an ID token of a service agent, good for ten minutes at least."""
        now = self._clock() // _SECOND
        expires, token = self._made.get((audience, email), (0, ""))
        if not now <= expires - RENEW_SECONDS <= now + TOKEN_SECONDS:
            expires = now + TOKEN_SECONDS
            token = self._sign(audience, email, now)
            self._made[audience, email] = expires, token
            if len(self._made) > TOKENS_MAX:
                self._made.popitem(last=False)
        return token

    def _sign(self, audience: str, email: str, now: int) -> str:
        claims = {
            "iss": self.name,
            "aud": audience,
            "sub": email,
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        headers = {"kid": self._public["kid"]}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers=headers)

    def statement(self, type_: str, claims: Mapping[str, object], now: int) -> str:
        """Return claims that the universe vouches for, a compact JWS of an explicit type.

        The type keeps it from being taken for an ID token (RFC 8725, section 3.11).
        """
        body = {"iss": self.name, "iat": now // _SECOND, **claims}
        headers = {"kid": self._public["kid"], "typ": type_}
        return jwt.encode(body, self._key, algorithm=ALGORITHM, headers=headers)

    @property
    def public_key(self) -> dict[str, str]:
        """Return the key that verifies the tokens, as a JWK set has it."""
        return dict(self._public)

    def keys(self) -> dict[str, object]:
        """Return the JWK set of this key alone, for who is given it by hand."""
        return {"keys": [self.public_key]}

    def configuration(self) -> dict[str, object]:
        """Return what OpenID Connect Discovery 1.0 publishes of an issuer."""
        return {
            "issuer": self.name,
            "jwks_uri": f"{self.name}/oauth2/v3/certs",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", ALGORITHM],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "sub"],
        }


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    required = {"crv": "Ed25519", "kty": "OKP", "x": _b64(key.public_key().public_bytes_raw())}
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    kid = _b64(hashlib.sha256(text.encode()).digest())
    return {**required, "kid": kid, "use": "sig", "alg": ALGORITHM}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
