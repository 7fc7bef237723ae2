"""The documents of Cloud KMS and how their keys are built: by the parts of a resource's name.

Rings, keys and jobs list by id, versions by number. Times are microseconds since the epoch.
"""

from __future__ import annotations

import msgspec

from rempart.core.policy import Policy
from rempart.services.kms.model.crypto_key import CryptoKey
from rempart.services.kms.model.ekm_connection import EkmConfig, EkmConnection
from rempart.services.kms.model.import_job import ImportJob
from rempart.services.kms.model.version import Version
from rempart.trust.custody.sealed import Kind


class RingsOfLocation(msgspec.Struct, frozen=True):
    """How many key rings a project has in a location."""

    count: int


class KeyRing(msgspec.Struct, frozen=True, kw_only=True):
    """A key ring, and how many keys and import jobs it holds."""

    created: int
    policy: Policy
    crypto_keys: int = 0
    import_jobs: int = 0


class Due(msgspec.Struct, frozen=True):
    """Something that the runner does to a key when its time has come; the key's name says what."""


RINGS_OF_LOCATION = Kind(b"L", RingsOfLocation)
KEY_RING = Kind(b"R", KeyRing, hot=4096)
CRYPTO_KEY = Kind(b"k", CryptoKey, hot=16_384)
VERSION = Kind(b"n", Version, hot=16_384)
IMPORT_JOB = Kind(b"j", ImportJob, hot=1024)
EKM_CONNECTION = Kind(b"e", EkmConnection, hot=1024)
EKM_CONFIG = Kind(b"E", EkmConfig, hot=1024)
DUE = Kind(b"d", Due)
"""By (time, parts of the version's name): a version to destroy, or with number 0 a rotation."""
