"""How keys of service accounts are asked for, shown and uploaded.

Source: google.iam.admin.v1.ServiceAccountKey; the page on uploading public keys.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from rempart.core.clock import Micros, rfc3339
from rempart.core.document import Document, octets, text
from rempart.core.errors import CloudError, Code, invalid, required, unimplemented, unsupported
from rempart.trust.identity.accounts import KEY_BITS, ServiceAccount, ServiceAccountKey

CERTIFICATE_BYTES_MAX = 8192
UPLOADED_BITS_MIN = 2048
UPLOADED_BITS_MAX = 4096
EXPONENT_MIN = 65537
NO_EXPIRY = "9999-12-31T23:59:59Z"
CREDENTIALS_FILE = "TYPE_GOOGLE_CREDENTIALS_FILE"
RSA_2048 = "KEY_ALG_RSA_2048"
USER_MANAGED = "USER_MANAGED"
PUBLIC_KEY_TYPES = frozenset(("", "TYPE_NONE", "TYPE_X509_PEM_FILE", "TYPE_RAW_PUBLIC_KEY"))
KEY_TYPES = frozenset(("KEY_TYPE_UNSPECIFIED", USER_MANAGED, "SYSTEM_MANAGED"))
_BITS = {"": KEY_BITS, "KEY_ALG_UNSPECIFIED": KEY_BITS, RSA_2048: 2048}
_ID_HEX = 40
_SECOND = 1_000_000


def bits(document: Document) -> int:
    """Return the length of the key that a request asks for."""
    asked = text(document, "keyAlgorithm")
    if asked == "KEY_ALG_RSA_1024":
        raise unsupported("KEY_ALG_RSA_1024", field="keyAlgorithm", because="it can be broken")
    if asked not in _BITS:
        raise invalid(f"{asked[:60]!r} is no key algorithm.", field="keyAlgorithm")
    return _BITS[asked]


def require_credentials_file(document: Document) -> None:
    """Raise unless the private key is asked for as a credentials file."""
    asked = text(document, "privateKeyType")
    if asked == "TYPE_PKCS12_FILE":
        raise unimplemented("ServiceAccountPrivateKeyType.TYPE_PKCS12_FILE")
    if asked not in ("", "TYPE_UNSPECIFIED", CREDENTIALS_FILE):
        raise invalid(f"{asked[:60]!r} is no type of private key.", field="privateKeyType")


def shown(account: ServiceAccount, key: ServiceAccountKey) -> dict[str, object]:
    """Return a key as JSON, without the key itself; times are in whole seconds."""
    document: dict[str, object] = {
        "name": f"{account.resource.name.name}/keys/{key.id}",
        "validAfterTime": _whole(key.created),
        "validBeforeTime": NO_EXPIRY if key.expires is None else _whole(key.expires),
        "keyOrigin": "USER_PROVIDED" if key.uploaded else "GOOGLE_PROVIDED",
        "keyType": USER_MANAGED,
    }
    if _length(key.public_key) == _BITS[RSA_2048]:
        document["keyAlgorithm"] = RSA_2048
    if key.disabled:
        document["disabled"] = True
        document["disableReason"] = "SERVICE_ACCOUNT_KEY_DISABLE_REASON_USER_INITIATED"
    return document


def public_key(key: ServiceAccountKey, asked: str) -> dict[str, object]:
    """Return the public key in the form asked for."""
    if asked not in PUBLIC_KEY_TYPES:
        raise invalid(f"{asked[:60]!r} is no type of public key.", field="publicKeyType")
    if asked in ("", "TYPE_NONE"):
        return {}
    if asked == "TYPE_RAW_PUBLIC_KEY":
        loaded = load_der_public_key(key.public_key)
        pem = loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {"publicKeyData": b64encode(pem).decode()}
    if not key.certificate:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            f"The key {key.id} was made before certificates were kept; "
            "ask for TYPE_RAW_PUBLIC_KEY, or make another key.",
            reason="failedPrecondition",
        )
    pem = x509.load_der_x509_certificate(key.certificate).public_bytes(Encoding.PEM)
    return {"publicKeyData": b64encode(pem).decode()}


def uploaded(account: ServiceAccount, document: Document, now: Micros) -> ServiceAccountKey:
    """Return the key that a request uploads: an RSA key in a certificate, whose dates count.

    The id is made of the account and the key, so that one key is uploaded once.
    """
    certificate = _certificate(document)
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise _refused("the public key must be an RSA key")
    if not UPLOADED_BITS_MIN <= key.key_size <= UPLOADED_BITS_MAX:
        limits = f"{UPLOADED_BITS_MIN} to {UPLOADED_BITS_MAX}"
        raise _refused(f"the RSA key has {key.key_size} bits; {limits} are allowed")
    if key.public_numbers().e < EXPONENT_MIN:
        raise _refused(f"the exponent of the RSA key is less than {EXPONENT_MIN}")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not _micros(begins) <= now < _micros(ends):
        raise _refused("the certificate is not valid now")
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    mark = hashlib.sha256(account.unique_id.encode() + b"\x00" + public).hexdigest()
    return ServiceAccountKey(
        id=mark[:_ID_HEX],
        email=account.email,
        unique_id=account.unique_id,
        public_key=public,
        created=now,
        expires=_micros(ends),
        certificate=certificate.public_bytes(Encoding.DER),
        uploaded=True,
    )


def _certificate(document: Document) -> x509.Certificate:
    data = octets(document, "publicKeyData")
    if not data:
        raise required("publicKeyData is required.", field="publicKeyData")
    if len(data) > CERTIFICATE_BYTES_MAX:
        raise _refused(f"it has more than {CERTIFICATE_BYTES_MAX} bytes")
    try:
        found = x509.load_pem_x509_certificates(data)
        for one in found:
            one.public_key()
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise _refused("it is not a certificate in PEM") from problem
    if len(found) != 1:
        raise _refused(f"it holds {len(found)} certificates, not one")
    return found[0]


def _refused(why: str) -> CloudError:
    return invalid(f"The public key cannot be uploaded: {why}.", field="publicKeyData")


def _length(public: bytes) -> int:
    key = load_der_public_key(public)
    return key.key_size if isinstance(key, RSAPublicKey) else 0


def _whole(moment: Micros) -> str:
    return rfc3339(Micros(moment // _SECOND * _SECOND)).replace(".000Z", "Z")


def _micros(date: datetime) -> Micros:
    return Micros(int((date - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * _SECOND)
