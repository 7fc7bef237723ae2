"""Our request to an identity provider: sign somebody in, and answer here.

It is not signed: it asks for nothing but an answer at an address that the provider knows.
Sent by the HTTP-Redirect binding (SAML Core, section 3.4.1; Bindings, section 3.4).
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from html import escape
from urllib.parse import urlencode, urlsplit

from rempart.core.clock import Micros, rfc3339
from rempart.trust.identity.federation.pools import HOST, SAML

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_RAW_DEFLATE = -15


def entity_id(provider: str) -> str:
    """Return what we are called by the identity provider of a pool's provider, as Google is."""
    return f"https://{HOST}/{provider}"


def address(saml: SAML, provider: str, *, request: str, back: str, relay: str, now: Micros) -> str:
    """Return where a browser goes to sign in; `relay` comes back with it (at most 80 bytes)."""
    document = (
        '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
        ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0"'
        f' ID="{escape(request)}" IssueInstant="{rfc3339(now)}"'
        f' Destination="{escape(saml.sign_in)}" ProtocolBinding="{POST}"'
        f' AssertionConsumerServiceURL="{escape(back)}">'
        f"<saml:Issuer>{escape(entity_id(provider))}</saml:Issuer></samlp:AuthnRequest>"
    )
    deflate = zlib.compressobj(wbits=_RAW_DEFLATE)
    packed = deflate.compress(document.encode()) + deflate.flush()
    query = urlencode({"SAMLRequest": b64encode(packed).decode(), "RelayState": relay})
    return saml.sign_in + ("&" if urlsplit(saml.sign_in).query else "?") + query
