"""Key pairs of service accounts: the private half as a file, the public half as a certificate.

The certificate is self-signed and vouches for nothing; it is the form in which Google's API gives
public keys out. Source: the file of type `service_account` that google-auth reads; RFC 5280.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from cryptography.x509.oid import NameOID

from rempart.core.clock import Micros
from rempart.core.errors import invariant

NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""What certificates of keys that do not expire say (RFC 5280, section 4.1.2.5)."""

_EXPONENT = 65537
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new pair: public key and certificate in DER, private key in PEM (PKCS #8)."""

    public_key: bytes
    certificate: bytes
    private_key: str = field(repr=False)


def make(bits: int, subject: str, now: Micros, expires: Micros | None = None) -> KeyPair:
    """Make an RSA key pair; takes a few tenths of a second, so call it in a thread."""
    private = rsa.generate_private_key(_EXPONENT, bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_date(now))
        .not_valid_after(NEVER if expires is None else _date(expires))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    return KeyPair(
        private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        certificate.public_bytes(Encoding.DER),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def public(key: bytes) -> rsa.RSAPublicKey:
    """Return the public key of a pair, from DER."""
    loaded = load_der_public_key(key)
    invariant(isinstance(loaded, rsa.RSAPublicKey), "pairs are of RSA keys")
    return loaded  # type: ignore[return-value]  # the line above made sure


def _date(moment: Micros) -> datetime:
    return datetime.fromtimestamp(moment // _SECOND, UTC)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a key file is for."""

    email: str
    unique_id: str
    project: str


def key_file(owner: Owner, key_id: str, private_key: str, *, domain: str, token_uri: str) -> str:
    """Return the key file that Google's tools read; it holds the private key."""
    invariant(domain, "a universe has a domain")
    certificates = f"https://www.{domain}"
    name = owner.email.replace("@", "%40")
    content = {
        "type": "service_account",
        "project_id": owner.project,
        "private_key_id": key_id,
        "private_key": private_key,
        "client_email": owner.email,
        "client_id": owner.unique_id,
        "auth_uri": f"https://accounts.{domain}/o/oauth2/auth",
        "token_uri": token_uri,
        "auth_provider_x509_cert_url": f"{certificates}/oauth2/v1/certs",
        "client_x509_cert_url": f"{certificates}/robot/v1/metadata/x509/{name}",
        "universe_domain": domain,
    }
    return json.dumps(content, indent=2) + "\n"
