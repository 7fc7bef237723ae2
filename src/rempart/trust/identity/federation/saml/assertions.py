"""Responses of a provider: read, verified, judged, and taken once where once is meant.

In a browser each lets in once. In an exchange one may serve until it expires, as an ID token does:
programs read it from a file, several of them at a time; it may not where it says so (`OneTimeUse`),
nor once a browser used it.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error

from rempart.core.clock import World
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.federation.pools import Provider, default_audiences
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.federation.saml.reader import Reader
from rempart.trust.identity.federation.saml.rules import SKEW_SECONDS, Expected, Proven, judge
from rempart.trust.identity.federation.saml.used import check_unused, use_up

_SECOND = 1_000_000
_URL_SAFE = str.maketrans("-_", "+/")


class Assertions:
    """Takes assertions."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world
        self._reader = Reader()

    async def proven(
        self, provider: Provider, text: str, recipients: frozenset[str], request: str | None
    ) -> Proven:
        """Return what a response or assertion proves; raises `Refused`.

        `recipients` are our addresses that it may be meant for, `request` the ID of what a browser
        was sent to the provider with.
        """
        saml = provider.saml
        if saml is None:
            raise Refused("The provider takes no tokens of this type.", error="invalid_request")
        now = self._world.clock() // _SECOND
        found = await self._reader.assertion(document_of(text), saml.certificates, now)
        expected = Expected(saml.issuer, default_audiences(provider.name), recipients, request)
        proven = judge(found, expected, now)
        if request is None and not proven.once:
            await check_unused(self._sealed, provider.name, proven.id)
        else:
            until = (proven.expires + SKEW_SECONDS) * _SECOND
            await use_up(self._sealed, provider.name, proven.id, until)
        return proven


def document_of(text: str) -> bytes:
    """Return the XML in a text: itself, or its base64 of either alphabet."""
    text = text.strip()
    if text.startswith("<"):
        return text.encode("utf-8", "surrogatepass")
    plain = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (Base64Error, ValueError) as problem:
        raise Refused("The SAML response is not base64.") from problem
