"""Connections to external key managers: where one is, which certificates it may show.

Source: EkmConnection, EkmConfig and Certificate of google.cloud.kms.v1, with Google's limits. Every
refusal names the field as the caller wrote it.
"""

from __future__ import annotations

import re

import msgspec
from cryptography import x509
from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.document import Document, items, octets, only, text
from rempart.core.errors import CloudError, Code, invalid, required
from rempart.core.limits import KIB
from rempart.core.policy import Policy
from rempart.trust.custody.external import uri
from rempart.trust.custody.external.caller import is_path
from rempart.trust.custody.external.endpoint import Place

CONNECTIONS_PER_LOCATION_MAX = 100
CERTIFICATES_MAX = 10
CERTIFICATE_BYTES_MAX = 16 * KIB
FILTER_CHARS_MAX = 500
MANUAL = "MANUAL"
CLOUD_KMS = "CLOUD_KMS"
_UNSPECIFIED = frozenset(("", "KEY_MANAGEMENT_MODE_UNSPECIFIED"))
_SERVICE = re.compile(r"projects/[^/]+/locations/[^/]+/namespaces/[^/]+/services/[^/]+")
_RESOLVERS = "serviceResolvers"
_OUTPUT = ("name", "createTime")
_SHOWN_OF_CERTIFICATES = (
    "parsed",
    "issuer",
    "subject",
    "subjectAlternativeDnsNames",
    "notBeforeTime",
    "notAfterTime",
    "serialNumber",
    "sha256Fingerprint",
)


class Resolver(msgspec.Struct, frozen=True, kw_only=True):
    """Where a manager is: its host name for TLS and HTTP, its pinned certificates (DER).

    `service` names an entry of Google's Service Directory, and `filter` one of its endpoints: there
    is none here, so they are kept and say nothing.
    """

    hostname: str
    certificates: tuple[bytes, ...]
    service: str = ""
    filter: str = ""

    @property
    def place(self) -> Place:
        """Return the manager as it is asked."""
        found = uri.place(self.hostname, self.certificates)
        if found is None:
            raise invalid("The host name of the connection is none.", field="hostname")
        return found


class EkmConnection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A connection; `space` is the crypto space in which CLOUD_KMS mode makes keys."""

    created: int
    resolver: Resolver
    mode: str = MANUAL
    space: str = ""
    etag: str = ""
    policy: Policy

    @property
    def coordinated(self) -> bool:
        """Tell whether Cloud KMS makes and destroys the keys at the manager."""
        return self.mode == CLOUD_KMS


class EkmConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for the external keys of a location; `default` is a connection's full name."""

    default: str = ""
    policy: Policy


def new_connection(document: Document, policy: Policy, etag: str, now: Micros) -> EkmConnection:
    """Return the connection that a request asks for."""
    only(document, *_OUTPUT, "etag", *_CHANGES)
    made = EkmConnection(
        created=now, resolver=_resolver(document), mode=_mode(document), policy=policy, etag=etag
    )
    return _spaced(replace(made, space=text(document, "cryptoSpacePath")))


_CHANGES = (_RESOLVERS, "keyManagementMode", "cryptoSpacePath")


def changed(
    old: EkmConnection, document: Document, mask: frozenset[str], etag: str
) -> EkmConnection:
    """Return the connection with the members of the mask as the document says."""
    only(document, *_OUTPUT, "etag", *_CHANGES)
    unknown = sorted(mask - {*_CHANGES, "etag"})
    if unknown:
        raise invalid(f"{unknown[0][:80]} cannot be updated.", field="updateMask")
    require_etag(old.etag, document)
    new = replace(old, etag=etag)
    if _RESOLVERS in mask:
        new = replace(new, resolver=_resolver(document))
    if "keyManagementMode" in mask:
        new = replace(new, mode=_mode(document))
    if "cryptoSpacePath" in mask:
        new = replace(new, space=text(document, "cryptoSpacePath"))
    return _spaced(new)


def not_coordinated(name: str) -> CloudError:
    """Return the refusal to make keys behind a connection whose key holder makes them."""
    return CloudError(
        Code.FAILED_PRECONDITION,
        f"{name} is in the mode {MANUAL}: give each version the path of a key that is there.",
        reason="NOT_COORDINATED",
        field="externalProtectionLevelOptions.ekmConnectionKeyPath",
    )


def require_etag(etag: str, document: Document) -> None:
    """Raise where a request was made for an older state of a resource."""
    claimed = text(document, "etag")
    if claimed and claimed != etag:
        message = "The connection changed since it was read: read it and try again."
        raise CloudError(Code.ABORTED, message, reason="ETAG_MISMATCH", field="etag")


def _spaced(connection: EkmConnection) -> EkmConnection:
    """Return the connection if its mode and its crypto space agree."""
    field = "cryptoSpacePath"
    if connection.coordinated and not connection.space:
        raise required(f"{field} is required in the mode CLOUD_KMS.", field=field)
    if connection.space and not is_path(connection.space):
        raise invalid(f"{field} is a path such as v0/cryptospaces/S.", field=field)
    return connection


def _mode(document: Document) -> str:
    mode = text(document, "keyManagementMode")
    if mode in _UNSPECIFIED:
        return MANUAL
    if mode not in {MANUAL, CLOUD_KMS}:
        message = f"{mode[:80]} is not a key management mode."
        raise invalid(message, field="keyManagementMode")
    return mode


def _resolver(document: Document) -> Resolver:
    given = items(document, _RESOLVERS)
    if len(given) != 1:
        message = f"A connection has one of {_RESOLVERS}, not {len(given)}."
        raise invalid(message, field=_RESOLVERS)
    [one], at = given, f"{_RESOLVERS}[0]"
    only(one, "serviceDirectoryService", "endpointFilter", "hostname", "serverCertificates")
    service, filter_ = text(one, "serviceDirectoryService"), text(one, "endpointFilter")
    if service and not _SERVICE.fullmatch(service):
        message = f"{service[:80]} is not projects/*/locations/*/namespaces/*/services/*."
        raise invalid(message, field=f"{at}.serviceDirectoryService")
    if len(filter_) > FILTER_CHARS_MAX:
        message = f"endpointFilter has at most {FILTER_CHARS_MAX} characters."
        raise invalid(message, field=f"{at}.endpointFilter")
    certificates = items(one, "serverCertificates")
    return Resolver(
        hostname=_hostname(one, at),
        certificates=_certificates(certificates, f"{at}.serverCertificates"),
        service=service,
        filter=filter_,
    )


def _hostname(resolver: Document, at: str) -> str:
    hostname = text(resolver, "hostname")
    if not hostname:
        raise required("hostname is required.", field=f"{at}.hostname")
    if uri.place(hostname) is None:
        message = "hostname is a host name, with :PORT where that is not 443."
        raise invalid(message, field=f"{at}.hostname")
    return hostname


def _certificates(given: list[Document], at: str) -> tuple[bytes, ...]:
    if not 0 < len(given) <= CERTIFICATES_MAX:
        message = f"A connection has 1 to {CERTIFICATES_MAX} certificates, not {len(given)}."
        raise invalid(message, field=at)
    return tuple(_certificate(one, f"{at}[{number}].rawDer") for number, one in enumerate(given))


def _certificate(given: Document, at: str) -> bytes:
    only(given, "rawDer", *_SHOWN_OF_CERTIFICATES)
    der = octets(given, "rawDer")
    if not 0 < len(der) <= CERTIFICATE_BYTES_MAX:
        message = f"A certificate has 1 to {CERTIFICATE_BYTES_MAX} bytes."
        raise invalid(message, field=at)
    try:
        # The names are read when the connection is shown: what cannot be read is refused now.
        certificate = x509.load_der_x509_certificate(der)
        certificate.subject.rfc4514_string()
        certificate.issuer.rfc4514_string()
        dns_names(certificate)
    except (ValueError, x509.DuplicateExtension) as problem:
        raise invalid("rawDer is not an X.509 certificate in DER.", field=at) from problem
    return der


def dns_names(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names that a certificate holds for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return found.value.get_values_for_type(x509.DNSName)
