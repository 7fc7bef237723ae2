"""The universe's certificate authority and its server certificate.

Of all host names, the authority may vouch for those of the universe's domain and for `localhost`
only (RFC 5280, name constraints): a client that trusts it is not exposed to it elsewhere. Its key
stays on this machine with mode 0600. The server certificate lasts 397 days; it is renewed at a
start when fewer than 30 are left, or when the names that it must carry have changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rempart import durable
from rempart.core.clock import Micros

CA_DAYS = 3650
SERVER_DAYS_MAX = 397
RENEW_DAYS = 30
BACKDATE = dt.timedelta(hours=1)
"""Certificates start this much earlier, for clients whose clock runs behind."""


class Outcome(Enum):
    """What `ensure` did."""

    CREATED = "created"
    RENEWED = "renewed"
    KEPT = "kept"


class CertificateProblem(Exception):  # noqa: N818 - it is named for what it is
    """A certificate or key that cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the certificates and keys of a data directory are."""

    authority: Path
    authority_key: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Validity:
    """When the server certificate and the authority begin and end."""

    server_begins: dt.datetime
    server_ends: dt.datetime
    authority_ends: dt.datetime


def files(data: Path) -> Files:
    """Return the paths of the certificates and keys in a data directory."""
    tls = data / "tls"
    return Files(data / "ca.pem", tls / "ca-key.pem", tls / "server.pem", tls / "server-key.pem")


def ensure(data: Path, domain: str, regions: Sequence[str], now: Micros) -> Outcome:
    """Create the authority and the server certificate, or renew the latter if it is due.

    Durable on return. An authority without its key, or the reverse, is refused: a new authority
    would silently break every client that trusts the old one.
    """
    paths = files(data)
    paths.certificate.parent.mkdir(mode=0o700, exist_ok=True)
    moment = dt.datetime.fromtimestamp(now / 1_000_000, dt.UTC)
    if not paths.authority.exists() and not paths.authority_key.exists():
        _create_authority(paths, domain, moment)
        _create_server(paths, domain, regions, moment)
        return Outcome.CREATED
    if paths.certificate.exists() and paths.key.exists():
        current = _load(paths.certificate)
        left = current.not_valid_after_utc - moment
        if left >= dt.timedelta(days=RENEW_DAYS) and _covers(current, domain, regions):
            return Outcome.KEPT
    _create_server(paths, domain, regions, moment)
    return Outcome.RENEWED


def validity(data: Path) -> Validity:
    """Return when the certificates of a data directory begin and end."""
    paths = files(data)
    server, authority = _load(paths.certificate), _load(paths.authority)
    return Validity(
        server.not_valid_before_utc, server.not_valid_after_utc, authority.not_valid_after_utc
    )


def names(domain: str, regions: Sequence[str]) -> tuple[str, ...]:
    """Return the DNS names of a universe's server certificate."""
    regional = [f"*.{region}.rep.{domain}" for region in regions]
    web = [f"*.cloud.{domain}", "*.cloud.localhost"]
    mutual = mutual_names(domain)
    return (domain, f"*.{domain}", f"*.storage.{domain}", *web, *regional, *mutual, "localhost")


def mutual_names(domain: str) -> tuple[str, ...]:
    """Return the names under which clients are asked for a certificate of theirs."""
    return (f"*.mtls.{domain}", "*.mtls.localhost")


def _create_authority(paths: Files, domain: str, moment: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Rempart {domain} CA"[:64])])
    # No constraint on addresses: BoringSSL, and with it every gRPC client, refuses a chain that has
    # one, whatever the addresses.
    permitted = [x509.DNSName(domain), x509.DNSName("localhost")]
    certificate = (
        _begin(name, name, key.public_key(), key.public_key(), moment, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .sign(key, hashes.SHA384())
    )
    durable.replace(paths.authority_key, _private(key), mode=0o600)
    durable.replace(
        paths.authority, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644
    )


def _create_server(paths: Files, domain: str, regions: Sequence[str], moment: dt.datetime) -> None:
    authority = _load(paths.authority)
    authority_key = _load_key(paths.authority_key)
    if authority.public_key() != authority_key.public_key():
        raise CertificateProblem(
            f"{paths.authority_key} is not the key of {paths.authority}. Restore both from one "
            "backup."
        )
    days = min(SERVER_DAYS_MAX, (authority.not_valid_after_utc - moment).days)
    if days < 1:
        raise CertificateProblem(
            f"The authority {paths.authority} ended on {authority.not_valid_after_utc:%Y-%m-%d}. "
            f"Move it and {paths.authority_key} away, start again, and give clients the new one."
        )
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain[:64])])
    signer = authority_key.public_key()
    certificate = (
        _begin(subject, authority.subject, key.public_key(), signer, moment, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_alternatives(domain, regions), critical=False)
        .sign(authority_key, hashes.SHA384())
    )
    # The key first: a crash in between leaves a pair that does not match, and the mark below, the
    # absent or older certificate, makes the next start renew both.
    paths.certificate.unlink(missing_ok=True)
    durable.replace(paths.key, _private(key), mode=0o600)
    chain = [certificate, authority]
    pem = b"".join(link.public_bytes(serialization.Encoding.PEM) for link in chain)
    durable.replace(paths.certificate, pem, mode=0o644)


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
    moment: dt.datetime,
    days: int,
) -> x509.CertificateBuilder:
    begins = moment - BACKDATE
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(domain: str, regions: Sequence[str]) -> x509.SubjectAlternativeName:
    hosts = [x509.DNSName(name) for name in names(domain, regions)]
    loopback = [x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")]
    return x509.SubjectAlternativeName([*hosts, *loopback])


def _covers(certificate: x509.Certificate, domain: str, regions: Sequence[str]) -> bool:
    carried = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names(domain, regions)) <= set(carried.get_values_for_type(x509.DNSName))


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise CertificateProblem(
            f"The certificate {path} cannot be read: {problem}. Restore it from a backup."
        ) from problem


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError):
        # The cause is left out: it could quote what stands in the file.
        raise CertificateProblem(
            f"The key {path} cannot be read. Restore it from a backup."
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateProblem(f"The key {path} is not an elliptic-curve key.")
    return key


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
