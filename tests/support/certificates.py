"""Authorities of an organization's machines, on several levels, good and bad."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT_AUTH, SERVER_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
DAY = dt.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Name = list[tuple[x509.ObjectIdentifier, str]]


def common_name(text: str) -> Name:
    return [(NameOID.COMMON_NAME, text)]


@dataclass
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def base64(self) -> str:
        return b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both to a folder, and return where they are."""
        certificate, key = folder / "workload.pem", folder / "workload.key"
        certificate.write_text(self.pem)
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, key

    def issue(self, subject: Name, now: dt.datetime, **changes: Any) -> Issued:
        """Return a certificate that this one signed, a client's unless changes say otherwise."""
        return issue(subject, now, by=self, **changes)


def root(now: dt.datetime, name: str = "Root", **changes: Any) -> Issued:
    return issue(common_name(name), now, authority=True, **changes)


def chain(*certificates: Issued) -> str:
    """Return the subject token that Google's libraries make of certificates."""
    return json.dumps([one.base64 for one in certificates])


def issue(
    subject: Name,
    now: dt.datetime,
    *,
    by: Issued | None = None,
    authority: bool = False,
    path_length: int | None = None,
    key: Key | None = None,
    begins: dt.timedelta = -DAY,
    ends: dt.timedelta = DAY,
    names: tuple[x509.GeneralName, ...] = (),
    usage: bool | None = True,
    purposes: tuple[x509.ObjectIdentifier, ...] = (CLIENT_AUTH,),
    constraints: tuple[x509.GeneralName, ...] = (),
    more: tuple[x509.ExtensionType, ...] = (),
    template: x509.MSCertificateTemplate | None = None,
) -> Issued:
    """Return a certificate; `usage` False withholds what its key is for, None does not say."""
    made = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in subject])
    builder = x509.CertificateBuilder(
        issuer_name=by.certificate.subject if by else name,
        subject_name=name,
        public_key=made.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now + begins,
        not_valid_after=now + ends,
    ).add_extension(x509.BasicConstraints(authority, path_length), critical=True)
    if usage is not None:
        signs, certifies = usage and not authority, usage and authority
        said = x509.KeyUsage(signs, not signs, False, False, False, certifies, False, False, False)
        builder = builder.add_extension(said, critical=True)
    if purposes and not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if constraints:
        builder = builder.add_extension(x509.NameConstraints(constraints, None), critical=True)
    if template:
        builder = builder.add_extension(template, critical=False)
    for extension in more:
        builder = builder.add_extension(extension, critical=True)
    return Issued(builder.sign(by.key if by else made, hashes.SHA256()), made)
