"""What kind of access a method is, as Google's audit logs tell them apart.

Source: google.iam.v1.AuditLogConfig.LogType; "Cloud Audit Logs" of each service for what is data.
"""

from __future__ import annotations

from enum import Enum

from rempart.core.call import MethodId
from rempart.core.method import Access


class LogType(Enum):
    """Google's four types; what is about data, and whether something is written."""

    ADMIN_READ = "ADMIN_READ"
    ADMIN_WRITE = "ADMIN_WRITE"
    DATA_READ = "DATA_READ"
    DATA_WRITE = "DATA_WRITE"

    @property
    def data(self) -> bool:
        """Tell whether customers' data is what is read or written."""
        return self in (LogType.DATA_READ, LogType.DATA_WRITE)


_OF_POLICIES = ("IamPolicy", "IamPermissions")
_DATA = (
    "storage.objects.",
    "storage.folders.",
    "iamcredentials.",
    "logging.entries.",
    "secretmanager.projects.secrets.versions.access",
)
_KEY_USES = frozenset(
    (
        "encrypt",
        "decrypt",
        "rawEncrypt",
        "rawDecrypt",
        "asymmetricSign",
        "asymmetricDecrypt",
        "macSign",
        "macVerify",
        "decapsulate",
        "generateRandomBytes",
    )
)


def log_type(method: MethodId, access: Access) -> LogType:
    """Return the type of a method's entries."""
    if uses_key(method):
        return LogType.DATA_READ
    data = method.startswith(_DATA) and not method.endswith(_OF_POLICIES)
    if access is Access.READ:
        return LogType.DATA_READ if data else LogType.ADMIN_READ
    return LogType.DATA_WRITE if data else LogType.ADMIN_WRITE


def uses_key(method: MethodId) -> bool:
    """Tell whether a method uses a key of Cloud KMS: each such use is on record."""
    return method.startswith("cloudkms.") and method.rpartition(".")[2] in _KEY_USES
