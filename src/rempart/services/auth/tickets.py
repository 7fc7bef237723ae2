"""Tickets: what a sign-in has come to, sealed into a text that the browser carries.

Nobody but this universe can read or make one, each is for one purpose and one browser and expires,
and nothing is stored for somebody who has not signed in. Format: docs/spec/sign-in-ticket.md.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from rempart.core.clock import World
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.xaes import XAES256GCM

TICKET_CHARS_MAX = 8 * 1024
_CONTEXT = b"rempart.sign-in-ticket.v1\x00"


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """What a program asks for in a browser (RFC 6749, section 4.1.1); checked when it was read."""

    client: str
    redirect: str
    state: str
    challenge: str
    scopes: tuple[str, ...]
    provider: str = ""


class Flow(msgspec.Struct, frozen=True):
    """A sign-in that waits for a person: for a program, or for the browser alone."""

    expires: int
    browser: bytes
    request: AuthorizationRequest | None = None


class Departure(msgspec.Struct, frozen=True):
    """A browser that was sent to an identity provider, and what must come back with it.

    To a SAML provider, `browser` is the SHA-256 of the RelayState, `nonce` the ID of our request,
    and `session` that of the session which the browser had, as it is kept.
    """

    expires: int
    browser: bytes
    provider: str
    nonce: str
    verifier: str
    request: AuthorizationRequest | None = None
    session: bytes = b""


class BadTicket(Exception):  # noqa: N818 - it is named for what it is
    """A ticket that is not ours, has expired, or is another browser's."""


T = TypeVar("T", Flow, Departure)


class Tickets(Generic[T]):
    """Makes and opens the tickets of one purpose."""

    def __init__(self, key: bytes, world: World, kind: type[T]) -> None:
        self._cipher = XAES256GCM(key)
        self._world = world
        self._context = _CONTEXT + kind.__name__.lower().encode()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode: Callable[[bytes], T] = msgspec.msgpack.Decoder(kind).decode

    def seal(self, ticket: T) -> str:
        """Return a ticket as a text for URLs and forms."""
        sealed = self._cipher.seal(self._encode(ticket), self._context, self._world.random)
        return urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, text: str, browser: bytes) -> T:
        """Return a ticket that this browser was given and that has not expired."""
        if len(text) > TICKET_CHARS_MAX:
            raise BadTicket("it is too long")
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            if urlsafe_b64encode(sealed).rstrip(b"=") != text.encode():
                raise BadTicket("it is spelled otherwise than it was given")
            ticket = self._decode(self._cipher.open(sealed, self._context))
        except (Base64Error, ValueError, Tampered, msgspec.DecodeError) as problem:
            raise BadTicket("it is none of this universe") from problem
        if ticket.expires <= self._world.clock():
            raise BadTicket("it has expired")
        if not browser or ticket.browser != browser:
            raise BadTicket("it was given to another browser")
        return ticket
