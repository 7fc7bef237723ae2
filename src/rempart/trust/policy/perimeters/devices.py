"""Certificates of devices: what a custom access level may read of the one that came with a call.

The TLS handshake proved its key. The operator supplies the authorities, in one file of PEM
certificates: those that signed themselves are anchors, the others stand on the way to them. Whom a
customer trusts of these, its levels say by fingerprint.
Source: Google's page on enterprise certificate conditions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from rempart.core.certification_path import (
    NoPath,
    Unreadable,
    Unusable,
    authority,
    constrained,
    fingerprint,
    path,
    readable,
)
from rempart.core.clock import Micros

AUTHORITIES_MAX = 100
CERT_FINGERPRINT = "cert_fingerprint"
ATTRIBUTES = frozenset(
    (CERT_FINGERPRINT, "is_valid", "root_ca_fingerprint", "issuer", "subject")
) | {"serial_number", "template_id"}
"""What an expression may read of a certificate."""

_NOTHING: Mapping[str, object] = {}
_EMAIL = {NameOID.EMAIL_ADDRESS: "EMAILADDRESS"}


class NoAuthorities(ValueError):  # noqa: N818 - a verdict on a file, not a fault of ours
    """A file that does not hold authorities; the message says which certificate is wrong."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """Authorities of devices (PEM): anchors, and others on the way to them."""

    anchors: tuple[str, ...] = ()
    intermediates: tuple[str, ...] = ()


def read_authorities(file: Path) -> Authorities:
    """Return the authorities in a file, none where it is empty; raises `NoAuthorities`."""
    content = file.read_bytes()
    try:
        found = x509.load_pem_x509_certificates(content) if content.strip() else []
    except ValueError as problem:
        raise NoAuthorities("it is not certificates in PEM") from problem
    if len(found) > AUTHORITIES_MAX:
        raise NoAuthorities(f"it has more than {AUTHORITIES_MAX} certificates")
    anchors: list[str] = []
    between: list[str] = []
    for number, one in enumerate(found, 1):
        pem = one.public_bytes(Encoding.PEM).decode()
        try:
            (anchors if _signs_itself(authority(pem)) else between).append(pem)
        except Unusable as problem:
            raise NoAuthorities(f"certificate {number} {problem}") from problem
    return Authorities(tuple(anchors), tuple(between))


def _signs_itself(certificate: x509.Certificate) -> bool:
    if certificate.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature) as problem:
        raise Unusable("names itself as issuer and did not sign itself") from problem
    return True


def attributes(shown: bytes, authorities: Authorities | None, now: Micros) -> Mapping[str, object]:
    """Return what is known of a certificate (PEM) whose key was proved, by Google's names.

    Without authorities nobody knows whether it is valid. What it says of itself is believed only
    where it is: everybody can write a certificate with any name.
    """
    try:
        leaf = readable(lambda: x509.load_pem_x509_certificate(shown))
        return {CERT_FINGERPRINT: fingerprint(leaf)} | _judged(leaf, authorities, now)
    except (Unreadable, ValueError):
        return _NOTHING


def _judged(
    leaf: x509.Certificate, authorities: Authorities | None, now: Micros
) -> dict[str, object]:
    if authorities is None:
        return {}
    moment = dt.datetime.fromtimestamp(now / 1_000_000, dt.UTC)
    try:
        through = path(authorities.anchors, authorities.intermediates, leaf, (), moment)
    except NoPath:
        return {"is_valid": False}
    return {"is_valid": True} | _sayings(leaf, through)


def _sayings(leaf: x509.Certificate, through: list[x509.Certificate]) -> dict[str, object]:
    """Return what a valid certificate says of itself."""
    said: dict[str, object] = {
        "root_ca_fingerprint": fingerprint(through[-1]),
        "issuer": _name(leaf.issuer),
        "serial_number": str(leaf.serial_number),
    }
    if not constrained(through):
        said["subject"] = _name(leaf.subject)
    for extension in leaf.extensions:
        if isinstance(extension.value, x509.MSCertificateTemplate):
            said["template_id"] = extension.value.template_id.dotted_string
    return said


def _name(name: x509.Name) -> str:
    """Return a name as Google writes it, the most particular part first."""
    return ", ".join(one.rfc4514_string(_EMAIL) for one in reversed(name.rdns))
