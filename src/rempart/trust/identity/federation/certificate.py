"""X.509 certificates as credentials: a chain to a provider's trust anchors, and what it says.

The TLS handshake proved the leaf's key; its path is validated at this moment. There are no
revocation lists: a provider's condition or its trust store ends what a certificate may.
Source: Google's guide to federation with X.509 certificates.
"""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from rempart.core.certification_path import (
    NoPath,
    Unreadable,
    constrained,
    fingerprint,
    path,
    readable,
)
from rempart.trust.identity.federation.pools import TrustStore
from rempart.trust.identity.federation.refusal import Refused

CHAIN_MAX = 6
"""Certificates that a client may send: its own, and those between it and an anchor."""

CERTIFICATE_BYTES_MAX = 8 * 1024
_UNREADABLE = "The client's certificate, or one that it sent, cannot be read."


def claims(
    store: TrustStore, shown: bytes, subject_token: str, now: dt.datetime
) -> Mapping[str, object]:
    """Return what a certificate (PEM) that a client proved says of it; else `Refused`.

    `subject_token` is empty, or a JSON array of that certificate and those above it (base64).
    """
    if not shown:
        raise Refused(
            "The client showed no certificate: the host of its token URL is sts.mtls, under the"
            " universe's domain.",
            error="invalid_request",
        )
    leaf = _certificate(lambda: x509.load_pem_x509_certificate(shown))
    between = _sent(leaf, subject_token) if subject_token else []
    try:
        through = path(store.anchors, store.intermediates, leaf, between, now)
    except NoPath as problem:
        raise Refused(str(problem)) from problem
    try:
        return _assertion(leaf, through)
    except (ValueError, x509.DuplicateExtension) as problem:
        raise Refused(_UNREADABLE) from problem


def _certificate(load: Callable[[], x509.Certificate]) -> x509.Certificate:
    """Return a certificate whose names and key can be read; else `Refused`."""
    try:
        return readable(load)
    except Unreadable as problem:
        raise Refused(_UNREADABLE) from problem


def _sent(leaf: x509.Certificate, token: str) -> list[x509.Certificate]:
    """Return the certificates above the leaf that a token holds; each name occurs once."""
    ders = _ders(token)
    if ders[0] != leaf.public_bytes(Encoding.DER):
        raise Refused("The subject token's certificate is not the one that the client showed.")
    above = [_certificate(partial(x509.load_der_x509_certificate, der)) for der in ders[1:]]
    if len({one.subject.public_bytes() for one in above}) < len(above):
        raise Refused("The subject token holds two authorities of one name.")
    return above


def _ders(token: str) -> list[bytes]:
    try:
        texts = json.loads(token)
        ders = [b64decode(text, validate=True) for text in texts]
    except (ValueError, TypeError, RecursionError) as problem:
        raise Refused("The subject token is not a JSON array of certificates.") from problem
    if not 0 < len(ders) <= CHAIN_MAX:
        raise Refused(f"The subject token does not hold 1 to {CHAIN_MAX} certificates.")
    if max(map(len, ders)) > CERTIFICATE_BYTES_MAX:
        raise Refused(f"A certificate exceeds {CERTIFICATE_BYTES_MAX} bytes.")
    return ders


def _assertion(leaf: x509.Certificate, through: Iterable[x509.Certificate]) -> dict[str, object]:
    """Return the attributes of a certificate; one that it lacks is left out.

    Where an authority of the path is held to names, only DNS names were held against them, so only
    those are told.
    """
    san = _alternatives(leaf)
    made: dict[str, object] = {
        "serialNumberHex": f"{leaf.serial_number:X}",
        "sha256Fingerprint": fingerprint(leaf),
        "issuer": {"dn": _names(leaf.issuer)},
    }
    if constrained(through):
        san.pop("uri", None)
    else:
        made["subject"] = {"dn": _names(leaf.subject)}
    return made | {"san": san}


def _names(name: x509.Name) -> dict[str, str]:
    """Return the parts of a name that can be told apart; of units the last counts."""
    parts = {"cn": NameOID.COMMON_NAME, "o": NameOID.ORGANIZATION_NAME}
    parts |= {"ou": NameOID.ORGANIZATIONAL_UNIT_NAME}
    made = {}
    for part, oid in parts.items():
        values = [one.value for one in name.get_attributes_for_oid(oid)]
        if values and (part == "ou" or len(values) == 1) and isinstance(values[-1], str):
            made[part] = values[-1]
    return made


def _alternatives(leaf: x509.Certificate) -> dict[str, str]:
    """Return the first alternative name of each kind."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {}
    made = {}
    for kind, form in (("dns", x509.DNSName), ("uri", x509.UniformResourceIdentifier)):
        values: list[str] = extension.get_values_for_type(form)
        if values:
            made[kind] = values[0]
    return made
