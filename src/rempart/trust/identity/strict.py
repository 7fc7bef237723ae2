"""The claims of the tokens that clients sign, parsed strictly before any library sees them.

The form is that of `core/jws.py`; here the algorithm must be the registered key's, and numbers must
be numbers (RFC 7519, section 2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rempart.core.jws import NotStrict, read_jws
from rempart.trust.identity.refusal import Rejected

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
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
    try:
        header, payload = read_jws(token)
    except NotStrict as problem:
        raise Rejected(str(problem)) from problem
    return _claims(_key_id(header), payload)


def _key_id(header: dict[str, object]) -> str:
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
