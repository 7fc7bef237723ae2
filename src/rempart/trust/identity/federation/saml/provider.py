"""What an identity provider's metadata make of a provider, and which metadata are taken.

Source: `idpMetadataXml` of WorkforcePoolProvider and WorkloadIdentityPoolProvider in IAM v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from rempart.core.clock import Micros
from rempart.core.document import only, section, text
from rempart.core.errors import CloudError, invalid, required
from rempart.outbound import Unfetched, check_url
from rempart.trust.identity.federation.pools import SAML
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.federation.saml.facts import CERTIFICATES_MAX, Metadata
from rempart.trust.identity.federation.saml.reader import Reader

METADATA_CHARS_MAX = 128 * 1024
ENTITY_CHARS_MAX = 1024
ADDRESS_CHARS_MAX = 2048
RSA_BITS_MIN = 2048
EC_BITS_MIN = 256
BEGINS_DAYS_MAX = 7
ENDS_DAYS_MAX = 25 * 366
FIELD = "saml.idpMetadataXml"
_SECOND = 1_000_000


async def read_metadata(document: Mapping[str, object], reader: Reader) -> Metadata | None:
    """Return what the metadata in a request say, None where it has none; raises `invalid`."""
    if document.get("saml") is None:
        return None
    given = section(document, "saml")
    only(given, "idpMetadataXml")
    said = text(given, "idpMetadataXml")
    if len(said) > METADATA_CHARS_MAX:
        raise invalid(f"{FIELD} has at most {METADATA_CHARS_MAX} characters.", field=FIELD)
    if not said.strip():
        return None
    try:
        return await reader.metadata(said.strip().encode("utf-8", "surrogatepass"))
    except Refused as problem:
        raise invalid(f"{FIELD} cannot be used: {problem}", field=FIELD) from problem


def saml(
    document: Mapping[str, object],
    old: SAML | None,
    read: Metadata | None,
    now: Micros,
    *,
    people: bool,
) -> SAML:
    """Return the settings that a request's metadata make; `people` sign in by them in a browser."""
    said = text(section(document, "saml"), "idpMetadataXml")
    if old is not None and said == old.metadata:
        return old
    if read is None:
        raise required(f"{FIELD} is required.", field=FIELD)
    if not 0 < len(read.entity) <= ENTITY_CHARS_MAX:
        raise _unusable("it has no entityID, or a long one")
    if people:
        _check_sign_in(read.sign_in)
    _check_keys(read.certificates, old, datetime.fromtimestamp(now // _SECOND, UTC))
    return SAML(said, read.entity, read.sign_in, read.certificates)


def _check_sign_in(address: str) -> None:
    """Refuse an address that cannot stand in a redirect or on a page."""
    try:
        check_url(address, loopback=False)
    except Unfetched as problem:
        raise _unusable("it has no SingleSignOnService by HTTP-Redirect over https") from problem
    plain = address.isascii() and address.isprintable() and not set(address) & set(" \"'<>\\;,#")
    if not plain or len(address) > ADDRESS_CHARS_MAX:
        raise _unusable("the address of its SingleSignOnService is not plain")


def _check_keys(certificates: tuple[bytes, ...], old: SAML | None, now: datetime) -> None:
    if len(certificates) > CERTIFICATES_MAX:
        raise _unusable(f"it has more than {CERTIFICATES_MAX} signing certificates")
    current = set()
    for one in certificates:
        certificate = _certificate(one)
        if certificate.not_valid_before_utc > now + timedelta(days=BEGINS_DAYS_MAX):
            raise _unusable(f"a certificate begins in more than {BEGINS_DAYS_MAX} days")
        if certificate.not_valid_after_utc > now + timedelta(days=ENDS_DAYS_MAX):
            raise _unusable("a certificate ends in more than 25 years")
        if certificate.not_valid_after_utc > now:
            current.add(one)
    if not current:
        raise _unusable("it has no signing certificate that has not expired")
    before = {one for one in old.certificates if _stands(one, now)} if old is not None else set()
    if before and before.isdisjoint(current):
        raise _unusable("none of its current signing certificates is one of before")


def _certificate(content: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(content)
        key = certificate.public_key()
    except Exception as problem:  # the library raises several kinds; none of them is a certificate
        raise _unusable("a signing certificate cannot be read") from problem
    if isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return certificate
    if isinstance(key, EllipticCurvePublicKey) and key.key_size >= EC_BITS_MIN:
        return certificate
    raise _unusable(
        f"a signing key is neither RSA of {RSA_BITS_MIN} bits nor of a curve of {EC_BITS_MIN}"
    )


def _stands(content: bytes, now: datetime) -> bool:
    return x509.load_der_x509_certificate(content).not_valid_after_utc > now


def _unusable(why: str) -> CloudError:
    return invalid(f"{FIELD} cannot be used: {why}.", field=FIELD)
