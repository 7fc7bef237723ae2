"""An identity provider's metadata, in a reading process only; an administrator vouches for it.

Source: SAML Metadata, section 2.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error

from lxml import etree

from rempart.trust.identity.federation.saml.facts import Metadata
from rempart.trust.identity.federation.saml.xml import (
    PROTOCOL_NS,
    Unreadable,
    children,
    metadata,
    one,
    signature,
    tree,
)

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"


def read(document: bytes) -> Metadata:
    """Return what metadata say of an identity provider."""
    root = tree(document, comments=True)
    if root.tag != metadata("EntityDescriptor"):
        raise Unreadable("it is not one SAML 2.0 EntityDescriptor")
    role = one(root, metadata("IDPSSODescriptor"))
    if PROTOCOL_NS not in (role.get("protocolSupportEnumeration") or "").split():
        raise Unreadable("its identity provider does not speak SAML 2.0")
    places = [
        str(place.get("Location") or "")
        for place in children(role, metadata("SingleSignOnService"))
        if place.get("Binding") == REDIRECT
    ]
    keys = children(role, metadata("KeyDescriptor"))
    signing = [key for key in keys if key.get("use") in (None, "signing")]
    return Metadata(
        entity=str(root.get("entityID") or "").strip(),
        sign_in=places[0] if places else "",
        certificates=tuple(dict.fromkeys(_certificate(key) for key in signing)),
    )


def _certificate(key: etree._Element) -> bytes:
    data = one(one(key, signature("KeyInfo")), signature("X509Data"))
    content = one(data, signature("X509Certificate")).text or ""
    try:
        return b64decode("".join(content.split()), validate=True)
    except (Base64Error, ValueError) as problem:
        raise Unreadable("a signing certificate is not base64") from problem
