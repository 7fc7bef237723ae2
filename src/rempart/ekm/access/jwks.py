"""JWK sets (RFC 7517): the public keys of an issuer, each with the one algorithm it is for.

Taken: RSA of at least 2,048 bits (RS256), P-256 (ES256), Ed25519 (EdDSA). Other keys of a set are
passed over, since issuers publish keys for other uses beside these; a set with none is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from rempart.core.limits import KIB

SET_BYTES_MAX = 256 * KIB
KEYS_MAX = 100
RSA_BITS_MIN = 2048
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
_CURVES = {"ES256": "P-256", "EdDSA": "Ed25519"}

Verifying = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class BadKeySet(Exception):  # noqa: N818 - it is named for what it is
    """No usable JWK set; the message says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key and its algorithm."""

    algorithm: str
    loaded: Verifying


def parse(text: str) -> Mapping[str, PublicKey]:
    """Return the usable keys of a set by their ids."""
    if len(text) > SET_BYTES_MAX:
        raise BadKeySet(f"it is longer than {SET_BYTES_MAX} bytes")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadKeySet("it is not JSON") from problem
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise BadKeySet(f"it is not a JWK set of up to {KEYS_MAX} keys")
    keys: dict[str, PublicKey] = {}
    for jwk in listed:
        if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str) and (key := _usable(jwk)):
            if jwk["kid"] in keys:
                raise BadKeySet("two keys have one kid")
            keys[jwk["kid"]] = key
    if not keys:
        raise BadKeySet("it has no key for RS256, ES256 or EdDSA with a kid")
    return keys


def _usable(jwk: dict[str, object]) -> PublicKey | None:
    algorithm = _ALGORITHMS.get(str(jwk.get("kty")), "")
    said = (jwk.get("use", "sig"), jwk.get("alg", algorithm), jwk.get("crv"))
    if not algorithm or said != ("sig", algorithm, _CURVES.get(algorithm)):
        return None
    if "d" in jwk:
        raise BadKeySet("it holds a private key")
    try:
        loaded = PyJWK.from_dict(jwk, algorithm).key
    except (PyJWTError, ValueError, TypeError) as problem:
        raise BadKeySet("a key of it cannot be read") from problem
    return PublicKey(algorithm, loaded) if _strong(loaded) else None


def _strong(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= RSA_BITS_MIN
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, ec.SECP256R1)
    return isinstance(key, ed25519.Ed25519PublicKey)
