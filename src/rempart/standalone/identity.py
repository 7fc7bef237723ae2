"""The manager's own TLS key and certificate: self-signed, because callers pin the leaf itself.

The key lies in the clear with mode 0600: it proves who the manager is, and opens nothing that is
held. Renewing it makes every caller pin the new certificate, so it happens only when asked for.
"""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rempart import durable
from rempart.core.clock import Micros

DAYS = 825
WARN_DAYS = 60
BACKDATE = dt.timedelta(hours=1)
"""Certificates start this much earlier, for callers whose clock runs behind."""

_CERTIFICATE = "tls/certificate.pem"
_KEY = "tls/key.pem"


@dataclass(frozen=True, slots=True)
class Identity:
    """What callers see and pin."""

    certificate: Path
    """The file to hand over."""
    pem: str
    fingerprint: str
    """SHA-256 of the certificate's DER."""
    ends: dt.datetime


def create(data: Path, host: str, now: Micros) -> None:
    """Write a new key and certificate for a host, durably, over any that is there."""
    (data / "tls").mkdir(mode=0o700, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate = _certificate(key, host, now).public_bytes(serialization.Encoding.PEM)
    # In one file, so that a crash never leaves a key with another's certificate.
    durable.replace(data / _KEY, pem + certificate)
    durable.replace(data / _CERTIFICATE, certificate, mode=0o644)


def load(data: Path) -> Identity:
    """Return what callers see: the certificate that is served, whatever its copy says."""
    certificate = x509.load_pem_x509_certificate((data / _KEY).read_bytes())
    return Identity(
        data / _CERTIFICATE,
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        certificate.fingerprint(hashes.SHA256()).hex(),
        certificate.not_valid_after_utc,
    )


def context(data: Path, client_authority: str) -> ssl.SSLContext:
    """Return how the server speaks TLS; with an authority, callers must have its certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(data / _KEY)
    if client_authority:
        made.load_verify_locations(client_authority)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def _certificate(key: ec.EllipticCurvePrivateKey, host: str, now: Micros) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    begins = dt.datetime.fromtimestamp(now / 1_000_000, dt.UTC) - BACKDATE
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
