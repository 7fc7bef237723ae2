"""Public keys in the formats that Google's getPublicKey offers.

Source: PublicKey and PublicKeyFormat of google.cloud.kms.v1.
"""

from __future__ import annotations

import base64

import google_crc32c

from rempart.core.errors import CloudError, Code, invalid, required
from rempart.trust.custody.software.algorithms import Algorithm, Scheme
from rempart.trust.custody.software.key import PublicKey

Json = dict[str, object]
FORMATS = frozenset(("PEM", "DER", "NIST_PQC", "XWING_RAW_BYTES"))
_UNSPECIFIED = frozenset(("", "PUBLIC_KEY_FORMAT_UNSPECIFIED"))


def shown(key: PublicKey, algorithm: Algorithm, wanted: str) -> Json:
    """Return a public key in the format asked for: PEM where none is and the key is classical."""
    if wanted in _UNSPECIFIED:
        if algorithm.post_quantum:
            message = f"publicKeyFormat is required for {algorithm.name}."
            raise required(message, field="publicKeyFormat")
        return _pem(key)
    if wanted not in FORMATS:
        raise invalid(f"{wanted[:80]} is not a public key format.", field="publicKeyFormat")
    data = _formats(key, algorithm).get(wanted, b"")
    if not data:
        raise CloudError(
            Code.INVALID_ARGUMENT,
            f"The public key of {algorithm.name} has no form {wanted}.",
            reason="invalid",
            field="publicKeyFormat",
        )
    return {
        "publicKeyFormat": wanted,
        "publicKey": {
            "data": base64.b64encode(data).decode(),
            "crc32cChecksum": str(google_crc32c.value(data)),
        },
        **(_pem(key) if wanted == "PEM" else {}),
    }


def _pem(key: PublicKey) -> Json:
    return {"pem": key.pem, "pemCrc32c": str(google_crc32c.value(key.pem.encode()))}


def _formats(key: PublicKey, algorithm: Algorithm) -> dict[str, bytes]:
    raw = "XWING_RAW_BYTES" if algorithm.scheme is Scheme.XWING else "NIST_PQC"
    return {"PEM": key.pem.encode(), "DER": key.der, raw: key.raw}
