"""JWK sets (RFC 7517): the public keys of an issuer, each with the one algorithm it is for.

A key's algorithm is its `alg`; without one it is RS256 for RSA, ES256 for P-256, ES384 for P-384,
EdDSA for Ed25519. RSA has 2,048 bits or more. Other keys of a set are passed over, since issuers
publish keys for other uses beside these; a set with none is refused.
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
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "EdDSA"),
)
_OF_KEY: Mapping[tuple[str, object], tuple[str, ...]] = {
    ("RSA", None): ALGORITHMS[:6],
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""What a kind of key, on its curve, may be for; the first unless the key says otherwise."""

Verifying = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class BadKeySet(Exception):  # noqa: N818 - it is named for what it is
    """No usable JWK set; the message says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key and its algorithm."""

    algorithm: str
    loaded: Verifying


def parse(text: str, algorithms: tuple[str, ...] = ALGORITHMS) -> Mapping[str, PublicKey]:
    """Return the keys of a set that are for one of these algorithms, by their ids."""
    keys: dict[str, PublicKey] = {}
    for jwk in _listed(text):
        if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
            continue
        if key := _usable(jwk, algorithms):
            if jwk["kid"] in keys:
                raise BadKeySet("two keys have one kid")
            keys[jwk["kid"]] = key
    if not keys:
        raise BadKeySet(f"it has no key for {', '.join(algorithms)} with a kid")
    return keys


def _listed(text: str) -> list[object]:
    if len(text) > SET_BYTES_MAX:
        raise BadKeySet(f"it is longer than {SET_BYTES_MAX} bytes")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadKeySet("it is not JSON") from problem
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise BadKeySet(f"it is not a JWK set of up to {KEYS_MAX} keys")
    return listed


def _usable(jwk: dict[str, object], algorithms: tuple[str, ...]) -> PublicKey | None:
    curve = jwk.get("crv")
    able = _OF_KEY.get((str(jwk.get("kty")), curve if isinstance(curve, str) else None), ())
    algorithm = jwk.get("alg", able[0] if able else "")
    if algorithm not in able or algorithm not in algorithms or jwk.get("use", "sig") != "sig":
        return None
    if "d" in jwk:
        raise BadKeySet("it holds a private key")
    try:
        loaded = PyJWK.from_dict(jwk, str(algorithm)).key
    except (PyJWTError, ValueError, TypeError) as problem:
        raise BadKeySet("a key of it cannot be read") from problem
    return PublicKey(str(algorithm), loaded) if _strong(loaded) else None


def _strong(key: object) -> bool:
    """Tell whether a loaded key is public and, of RSA, long enough."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= RSA_BITS_MIN
    return isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey)
