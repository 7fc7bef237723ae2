"""X.509 certificates as credentials: a chain to a provider's trust anchors, and what it says.

The TLS handshake proved the leaf's key; here its path is validated (RFC 5280) at this moment:
validity, key usage, client authentication where purposes are named, path lengths, names. There are
no revocation lists: a provider's condition or its trust store ends what a certificate may.
Sources: RFC 5280, section 6; Google's guide to federation with X.509 certificates.
"""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from rempart.trust.identity.federation.pools import TrustStore
from rempart.trust.identity.federation.refusal import Refused

CHAIN_MAX = 6
"""Certificates that a client may send: its own, and those between it and an anchor."""

CERTIFICATE_BYTES_MAX = 8 * 1024
DEPTH_MAX = 4
"""Certificates between the leaf and the anchor."""

RSA_BITS_MIN = 2048
_STORES_MAX = 256
_UNREADABLE = "The client's certificate, or one that it sent, cannot be read."
_Kept = verification.Criticality.AGNOSTIC


class Unusable(Exception):  # noqa: N818 - a verdict on a certificate, not a fault
    """A certificate that cannot be an anchor or intermediate; the message says why."""


def authority(pem: str) -> x509.Certificate:
    """Return the one authority in a PEM, whose key may sign certificates; raises `Unusable`."""
    try:
        made = x509.load_pem_x509_certificates(pem.encode())
        (found,) = made
        extensions = found.extensions
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension) as problem:
        raise Unusable("is not one certificate with basicConstraints and keyUsage") from problem
    if not constraints.ca or not usage.key_cert_sign:
        raise Unusable("is no authority that may sign certificates")
    return found


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
    path = _path(store, leaf, between, now)
    try:
        return _assertion(leaf, path)
    except (ValueError, x509.DuplicateExtension) as problem:
        raise Refused(_UNREADABLE) from problem


def _certificate(load: Callable[[], x509.Certificate]) -> x509.Certificate:
    """Return a certificate whose names and key can be read; else `Refused`."""
    try:
        made = load()
        for part in (made.subject, made.issuer, made.public_key(), made.extensions):
            del part
    except Exception as problem:  # what a client sends may break a reader in any way
        raise Refused(_UNREADABLE) from problem
    return made


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


def _path(
    store: TrustStore, leaf: x509.Certificate, between: list[x509.Certificate], now: dt.datetime
) -> list[x509.Certificate]:
    """Return the path from the leaf to an anchor; else `Refused`."""
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        raise Refused(f"The certificate's key is shorter than {RSA_BITS_MIN} bits.")
    anchors, known = _authorities(store)
    # Of one name there is one, the client's: each step of a path has one way on, or an anchor.
    sent = {one.subject for one in between}
    between = between + [one for one in known if one.subject not in sent]
    verifier = (
        verification.PolicyBuilder()
        .store(anchors)
        .time(now)
        .max_chain_depth(DEPTH_MAX)
        .extension_policies(ca_policy=_CA, ee_policy=_LEAF)
        .build_client_verifier()
    )
    try:
        return verifier.verify(leaf, between).chain
    except Exception as problem:  # it raises more than its own error for what is malformed
        raise Refused("No valid path leads from the certificate to a trust anchor.") from problem


@lru_cache(maxsize=_STORES_MAX)
def _authorities(store: TrustStore) -> tuple[verification.Store, list[x509.Certificate]]:
    between = [authority(pem) for pem in store.intermediates]
    return verification.Store([authority(pem) for pem in store.anchors]), between


def _check_usage(
    _policy: verification.Policy, _leaf: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and (usage.key_cert_sign or not usage.digital_signature):
        raise ValueError("the key is not for signing handshakes")


_LEAF = (
    verification.ExtensionPolicy.webpki_defaults_ee()
    .may_be_present(x509.SubjectAlternativeName, _Kept, None)
    .may_be_present(x509.AuthorityKeyIdentifier, _Kept, None)
    .may_be_present(x509.KeyUsage, _Kept, _check_usage)
)
"""As for web servers, but a name is needed in no particular place, nor an issuer's key id."""

_CA = verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(
    x509.AuthorityKeyIdentifier, _Kept, None
)


def _assertion(leaf: x509.Certificate, path: Iterable[x509.Certificate]) -> dict[str, object]:
    """Return the attributes of a certificate; one that it lacks is left out.

    Where an authority of the path is held to names, only DNS names were held against them, so only
    those are told.
    """
    san = _alternatives(leaf)
    made: dict[str, object] = {
        "serialNumberHex": f"{leaf.serial_number:X}",
        "sha256Fingerprint": b64encode(leaf.fingerprint(hashes.SHA256())).decode().rstrip("="),
        "issuer": {"dn": _names(leaf.issuer)},
    }
    if any(_constrains(one) for one in path):
        san.pop("uri", None)
    else:
        made["subject"] = {"dn": _names(leaf.subject)}
    return made | {"san": san}


def _constrains(certificate: x509.Certificate) -> bool:
    return any(isinstance(one.value, x509.NameConstraints) for one in certificate.extensions)


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
