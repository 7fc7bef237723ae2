"""The documents of Cloud KMS and how their keys are built and read: by the parts of a name.

Rings, keys and jobs list by id, versions by number. Times are microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from rempart.core.policy import Policy
from rempart.engine.seam import Key
from rempart.services.kms.model import container
from rempart.services.kms.model.autokey import AutokeyConfig, KeyHandle, KeyHandleName
from rempart.services.kms.model.container import ConfigName
from rempart.services.kms.model.crypto_key import CryptoKey
from rempart.services.kms.model.ekm_connection import EkmConfig, EkmConnection
from rempart.services.kms.model.erasure import Erased, ErasureName
from rempart.services.kms.model.import_job import ImportJob
from rempart.services.kms.model.justifications import Justifications
from rempart.services.kms.model.names import (
    CryptoKeyName,
    EkmConfigName,
    EkmConnectionName,
    ImportJobName,
    KeyRingName,
    LocationName,
    VersionName,
)
from rempart.services.kms.model.retired import RetiredName, RetiredResource
from rempart.services.kms.model.version import Version
from rempart.services.operations import Operation
from rempart.trust.custody.kind import Kind

_NUMBER_BYTES = 8


class RingsOfLocation(msgspec.Struct, frozen=True):
    """How many key rings a project has in a location, and how many names of keys are retired."""

    count: int
    retired: int = 0


class KeyRing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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
RETIRED = Kind(b"g", RetiredResource)
"""By the parts of the deleted key's name."""

JUSTIFICATIONS = Kind(b"q", Justifications, hot=1024)
AUTOKEY_CONFIG = Kind(b"a", AutokeyConfig, hot=1024)
"""Both by project, folder or organization: `folders/1`."""

KEY_HANDLE = Kind(b"h", KeyHandle)
OPERATION = Kind(b"y", Operation)
"""By (project, location, id); ids begin with the time."""

DUE = Kind(b"d", Due)
"""By (time, parts of the version's name): a version to destroy, or with number 0 a rotation."""


def _texts(key: Key) -> list[str]:
    """Return the parts of a key that is made of texts only."""
    return key[1:-1].decode().split("\x00")


def _ring_name(texts: list[str]) -> KeyRingName:
    project, location, ring = texts
    return KeyRingName(LocationName(project, location), ring)


def version_name(key: Key, skip: int = 1) -> VersionName:
    """Return the name that ends a document's key, after the bytes to skip: tag, or tag and time."""
    number = int.from_bytes(key[-_NUMBER_BYTES:], "big")
    *ring, id_ = key[skip : -_NUMBER_BYTES - 1].decode().split("\x00")
    return VersionName(CryptoKeyName(_ring_name(ring), id_), number)


def _key_ring(key: Key) -> str:
    return str(_ring_name(_texts(key)))


def crypto_key_name(key: Key) -> CryptoKeyName:
    """Return the name of the key of a document's key."""
    *ring, id_ = _texts(key)
    return CryptoKeyName(_ring_name(ring), id_)


def _crypto_key(key: Key) -> str:
    return str(crypto_key_name(key))


def _version(key: Key) -> str:
    return str(version_name(key))


def _import_job(key: Key) -> str:
    *ring, id_ = _texts(key)
    return str(ImportJobName(_ring_name(ring), id_))


def _retired(key: Key) -> str:
    return str(RetiredName(crypto_key_name(key)))


def _key_handle(key: Key) -> str:
    project, location, id_ = _texts(key)
    return str(KeyHandleName(LocationName(project, location), id_))


def _ekm_connection(key: Key) -> str:
    project, location, id_ = _texts(key)
    return str(EkmConnectionName(LocationName(project, location), id_))


def _ekm_config(key: Key) -> str:
    return str(EkmConfigName(LocationName(*_texts(key))))


def _autokey_config(key: Key) -> str:
    return str(ConfigName(_texts(key)[0], container.AUTOKEY))


def _justifications(key: Key) -> str:
    return str(ConfigName(_texts(key)[0], container.JUSTIFICATIONS))


ERASED = Kind(b"x", Erased)
"""By the parts of the version's name."""


def _erased(key: Key) -> str:
    return str(ErasureName(version_name(key)))


VOUCHED: tuple[tuple[Kind[Any], Callable[[Key], str]], ...] = (
    (KEY_RING, _key_ring),
    (CRYPTO_KEY, _crypto_key),
    (VERSION, _version),
    (ERASED, _erased),
    (IMPORT_JOB, _import_job),
    (RETIRED, _retired),
    (EKM_CONNECTION, _ekm_connection),
    (EKM_CONFIG, _ekm_config),
    (KEY_HANDLE, _key_handle),
    (AUTOKEY_CONFIG, _autokey_config),
    (JUSTIFICATIONS, _justifications),
)
"""The documents whose every change the log tells, and how a key reads as the resource's name."""
