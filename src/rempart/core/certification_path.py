"""Certification paths of client certificates: from one whose key was proved to a trust anchor.

A path is validated (RFC 5280, section 6) at a moment: validity, key usage, client authentication
where purposes are named, path lengths, DNS names and addresses. There are no revocation lists.
"""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import verification

DEPTH_MAX = 4
"""Certificates between the leaf and the anchor."""

RSA_BITS_MIN = 2048
_STORES_MAX = 256
_Kept = verification.Criticality.AGNOSTIC


class Unusable(Exception):  # noqa: N818 - a verdict on a certificate, not a fault
    """A certificate that cannot be an anchor or intermediate; the message says why."""


class Unreadable(Exception):  # noqa: N818 - a verdict on a certificate, not a fault
    """A certificate whose names, key or extensions cannot be read."""


class NoPath(Exception):  # noqa: N818 - a verdict on a certificate, not a fault
    """A certificate from which no valid path leads to an anchor; the message may be shown."""


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


def readable(load: Callable[[], x509.Certificate]) -> x509.Certificate:
    """Return a certificate whose names and key can be read; else raise `Unreadable`."""
    try:
        made = load()
        for part in (made.subject, made.issuer, made.public_key(), made.extensions):
            del part
    except Exception as problem:  # what a client sends may break a reader in any way
        raise Unreadable from problem
    return made


def path(
    anchors: tuple[str, ...],
    intermediates: tuple[str, ...],
    leaf: x509.Certificate,
    between: Iterable[x509.Certificate],
    now: dt.datetime,
) -> list[x509.Certificate]:
    """Return the path from the leaf to an anchor, that included; else raise `NoPath`.

    `anchors` and `intermediates` are authorities (PEM) that are known, `between` those that the
    client sent.
    """
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        raise NoPath(f"The certificate's key is shorter than {RSA_BITS_MIN} bits.")
    if not anchors:
        raise NoPath("There is no trust anchor.")
    store, known = _authorities(anchors, intermediates)
    # Of one name there is one, the client's: each step of a path has one way on, or an anchor.
    ways = list(between)
    sent = {one.subject for one in ways}
    ways += [one for one in known if one.subject not in sent]
    verifier = (
        verification.PolicyBuilder()
        .store(store)
        .time(now)
        .max_chain_depth(DEPTH_MAX)
        .extension_policies(ca_policy=_CA, ee_policy=_LEAF)
        .build_client_verifier()
    )
    try:
        return verifier.verify(leaf, ways).chain
    except Exception as problem:  # it raises more than its own error for what is malformed
        raise NoPath("No valid path leads from the certificate to a trust anchor.") from problem


def constrained(certificates: Iterable[x509.Certificate]) -> bool:
    """Tell whether an authority of a path is held to names.

    Only DNS names and addresses were held against them then: what else a leaf says of itself was
    not.
    """
    return any(
        isinstance(extension.value, x509.NameConstraints)
        for one in certificates
        for extension in one.extensions
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate in base64 without padding, as Google writes it."""
    return b64encode(certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")


@lru_cache(maxsize=_STORES_MAX)
def _authorities(
    anchors: tuple[str, ...], intermediates: tuple[str, ...]
) -> tuple[verification.Store, list[x509.Certificate]]:
    between = [authority(pem) for pem in intermediates]
    return verification.Store([authority(pem) for pem in anchors]), between


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
