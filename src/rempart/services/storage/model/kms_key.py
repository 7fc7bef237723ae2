"""Names of Cloud KMS keys where Cloud Storage takes them.

Source: Cloud Storage documentation, "Customer-managed encryption keys".
"""

from __future__ import annotations

import re

from rempart.core.errors import invalid

KMS_KEY_NAME_CHARS_MAX = 1024
_KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
_VERSION = "/cryptoKeyVersions/"


def key_of(version: str) -> str:
    """Return the name of the key that a version belongs to."""
    return version.rpartition(_VERSION)[0]


def check_location(key: str, location: str, *, field: str) -> None:
    """Raise unless a text names a key, and the key lies where the bucket does."""
    found = _KEY.fullmatch(key) if len(key) <= KMS_KEY_NAME_CHARS_MAX else None
    if found is None:
        message = (
            f"{field} must be projects/P/locations/L/keyRings/R/cryptoKeys/K: the name of a key,"
            " without a version."
        )
        raise invalid(message, field=field, reason="cloudKmsBadKey")
    if found[1].upper() != location:
        message = (
            f"The Cloud KMS key is in {found[1][:80]}, the bucket in {location}: they must be in"
            " the same location."
        )
        raise invalid(message, field=field, reason="cloudKmsKeyLocationNotAllowed")
