"""Opaque access tokens: `ya29.` and a sealed statement of whose they are, base64url.

Self-contained, so they outlive a restart; good only while all that they rest on stands, and until
they are revoked (`revocations.py`). What a statement rests on is its kind's affair: the key that
bought it and its account, an account alone, or a pool and its provider. Format:
docs/spec/access-token.md.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from rempart.core.clock import Micros, World
from rempart.core.limits import KIB
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.xaes import XAES256GCM
from rempart.trust.identity.jwt import Signed
from rempart.trust.identity.refusal import Rejected

PREFIX = "ya29."
PREFIX_2 = "ya29.d."
"""Of version 2; a base64url text never has a dot, so no token of version 1 begins so."""

TOKEN_CHARS_MAX = 14 * KIB
"""Room for all attributes that a mapping may make; a token of version 1 has a few hundred."""

LIFETIME_SECONDS = 3600
_CONTEXT = b"rempart.access-token.v1\x00"
_CONTEXT_2 = b"rempart.access-token.v2\x00"
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token states that an account bought with a key of its own (version 1)."""

    email: str
    unique_id: str
    key_id: str
    scopes: tuple[str, ...]
    issued: Micros
    expires: Micros


class Impersonated(msgspec.Struct, frozen=True, tag="impersonated"):
    """What a token states that somebody got for an account, without any key of it."""

    email: str
    unique_id: str
    scopes: tuple[str, ...]
    issued: Micros
    expires: Micros


class Federated(msgspec.Struct, frozen=True, tag="federated"):
    """What a token states of an identity of a pool; `uid` is the pool's.

    `session` is set where it came of a person's sign-in in the browser, and ends with that.
    """

    pool: str
    uid: str
    provider: str
    subject: str
    groups: tuple[str, ...]
    custom: tuple[tuple[str, tuple[str, ...]], ...]
    scopes: tuple[str, ...]
    issued: Micros
    expires: Micros
    display_name: str = ""
    user_project: str = ""
    session: bytes = b""
    started: int = 0


Statement = AccessToken | Impersonated | Federated


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AccessToken).decode
_decode_2: Callable[[bytes], Impersonated | Federated] = msgspec.msgpack.Decoder(
    Impersonated | Federated
).decode


class AccessTokens:
    """Makes and opens opaque tokens under one key of this universe."""

    def __init__(self, key: bytes, world: World) -> None:
        self._cipher = XAES256GCM(key)
        self._world = world

    def mint(self, signed: Signed) -> str:
        """Return a token for the owner of a verified assertion, good for an hour."""
        now = self._world.clock()
        statement = AccessToken(
            email=signed.account.email,
            unique_id=signed.account.unique_id,
            key_id=signed.key.id,
            scopes=tuple(sorted(signed.claims.scopes)),
            issued=now,
            expires=Micros(now + LIFETIME_SECONDS * _SECOND),
        )
        return PREFIX + self._sealed(_encode(statement), _CONTEXT)

    def seal(self, statement: Impersonated | Federated) -> str:
        """Return a token of version 2 that states this."""
        return PREFIX_2 + self._sealed(_encode(statement), _CONTEXT_2)

    def open(self, token: str) -> Statement:
        """Return what a token states, if it is ours and not expired; raises Rejected."""
        if not token.startswith(PREFIX) or len(token) > TOKEN_CHARS_MAX:
            raise Rejected("not an access token")
        statement = self._statement(token)
        if statement.expires <= self._world.clock():
            raise Rejected("expired")
        return statement

    def _statement(self, token: str) -> Statement:
        try:
            if token.startswith(PREFIX_2):
                return _decode_2(self._opened(token.removeprefix(PREFIX_2), _CONTEXT_2))
            return _decode(self._opened(token.removeprefix(PREFIX), _CONTEXT))
        except (Base64Error, ValueError, Tampered, msgspec.DecodeError) as problem:
            raise Rejected("not a token of this universe") from problem

    def _sealed(self, plain: bytes, context: bytes) -> str:
        sealed = self._cipher.seal(plain, context, self._world.random)
        return urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def _opened(self, text: str, context: bytes) -> bytes:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if urlsafe_b64encode(sealed).rstrip(b"=") != text.encode():
            raise Rejected("not canonical base64url")
        return self._cipher.open(sealed, context)


def digest_of(token: str) -> bytes:
    """Return the SHA-256 by which a token is known in memory and on disk."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
