"""Connections to external key managers as Cloud KMS's JSON shows them.

Source: EkmConnection, EkmConfig and Certificate of google.cloud.kms.v1.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

from cryptography.x509 import load_der_x509_certificate

from rempart.core.clock import Micros, rfc3339
from rempart.services.kms.model.ekm_connection import EkmConfig, EkmConnection, dns_names
from rempart.services.kms.model.names import EkmConfigName, EkmConnectionName

Json = dict[str, object]


def ekm_connection_json(name: EkmConnectionName, connection: EkmConnection) -> Json:
    """Return an EkmConnection; its certificates with what can be read in them."""
    resolver = connection.resolver
    shown: Json = {
        "hostname": resolver.hostname,
        "serverCertificates": [_certificate_json(der) for der in resolver.certificates],
    }
    if resolver.service:
        shown["serviceDirectoryService"] = resolver.service
    if resolver.filter:
        shown["endpointFilter"] = resolver.filter
    whole: Json = {
        "name": str(name),
        "createTime": rfc3339(Micros(connection.created)),
        "serviceResolvers": [shown],
        "keyManagementMode": connection.mode,
        "etag": connection.etag,
    }
    return whole | ({"cryptoSpacePath": connection.space} if connection.space else {})


def ekm_config_json(name: EkmConfigName, config: EkmConfig) -> Json:
    """Return an EkmConfig."""
    shown: Json = {"name": str(name)}
    return shown | ({"defaultEkmConnection": config.default} if config.default else {})


def _certificate_json(der: bytes) -> Json:
    certificate = load_der_x509_certificate(der)
    shown: Json = {
        "rawDer": base64.b64encode(der).decode(),
        "parsed": True,
        "issuer": certificate.issuer.rfc4514_string(),
        "subject": certificate.subject.rfc4514_string(),
        "notBeforeTime": _moment(certificate.not_valid_before_utc),
        "notAfterTime": _moment(certificate.not_valid_after_utc),
        "serialNumber": f"{certificate.serial_number:x}",
        "sha256Fingerprint": hashlib.sha256(der).hexdigest(),
    }
    alternatives = dns_names(certificate)
    return shown | ({"subjectAlternativeDnsNames": alternatives} if alternatives else {})


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
