"""Names of Cloud KMS's resources, parsed at the rim: `projects/…/cryptoKeyVersions/1` and above.

Source: the resource patterns of google.cloud.kms.v1. `parts` are what a document's key is made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from rempart.core.errors import CloudError, invalid, required

GLOBAL = "global"
"""The location that every universe has besides its regions."""

ID_CHARS_MAX = 63
_ID = re.compile(rf"[a-zA-Z0-9_-]{{1,{ID_CHARS_MAX}}}")
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class LocationName:
    """`projects/P/locations/L`."""

    project: str
    location: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the project and the location."""
        return (self.project, self.location)

    @override
    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


@dataclass(frozen=True, slots=True)
class InLocation:
    """Something that lies in a location: `…/NOUN/ID`."""

    parent: LocationName
    id: str
    noun: ClassVar[str]

    @property
    def parts(self) -> tuple[str, ...]:
        """Return what is above, then the id."""
        return (*self.parent.parts, self.id)

    @override
    def __str__(self) -> str:
        return f"{self.parent}/{self.noun}/{self.id}"


@dataclass(frozen=True, slots=True)
class KeyRingName(InLocation):
    """`…/keyRings/R`."""

    noun: ClassVar[str] = "keyRings"


@dataclass(frozen=True, slots=True)
class EkmConnectionName(InLocation):
    """`…/ekmConnections/C`."""

    noun: ClassVar[str] = "ekmConnections"


@dataclass(frozen=True, slots=True)
class EkmConfigName:
    """`…/ekmConfig`, one in each location."""

    parent: LocationName

    @property
    def parts(self) -> tuple[str, ...]:
        """Return what is above."""
        return self.parent.parts

    @override
    def __str__(self) -> str:
        return f"{self.parent}{_EKM_CONFIG}"


_EKM_CONFIG = "/ekmConfig"


@dataclass(frozen=True, slots=True)
class _InRing:
    """Something that a key ring holds."""

    parent: KeyRingName
    id: str
    noun: ClassVar[str]

    @property
    def parts(self) -> tuple[str, ...]:
        """Return what is above, then the id."""
        return (*self.parent.parts, self.id)

    @override
    def __str__(self) -> str:
        return f"{self.parent}/{self.noun}/{self.id}"


@dataclass(frozen=True, slots=True)
class CryptoKeyName(_InRing):
    """`…/cryptoKeys/K`."""

    noun: ClassVar[str] = "cryptoKeys"

    def version(self, number: int) -> VersionName:
        """Return the name of one of its versions."""
        return VersionName(self, number)


@dataclass(frozen=True, slots=True)
class ImportJobName(_InRing):
    """`…/importJobs/J`."""

    noun: ClassVar[str] = "importJobs"


@dataclass(frozen=True, slots=True)
class VersionName:
    """`…/cryptoKeyVersions/N`; numbers begin at 1."""

    parent: CryptoKeyName
    number: int

    @property
    def parts(self) -> tuple[str | int, ...]:
        """Return what is above, then the number."""
        return (*self.parent.parts, self.number)

    @override
    def __str__(self) -> str:
        return f"{self.parent}/cryptoKeyVersions/{self.number}"


def location(text: str) -> LocationName:
    """Return the name of a location."""
    return LocationName(*_segments(text, "projects", "locations"))


def key_ring(text: str) -> KeyRingName:
    """Return the name of a key ring."""
    return KeyRingName(*in_location(text, KeyRingName.noun))


def ekm_connection(text: str) -> EkmConnectionName:
    """Return the name of a connection to an external key manager."""
    return EkmConnectionName(*in_location(text, EkmConnectionName.noun))


def ekm_config(text: str) -> EkmConfigName:
    """Return the name of a location's settings for external key managers."""
    above, found, rest = text.partition(_EKM_CONFIG)
    if not found or rest:
        raise _misshapen(text, "projects/*/locations/*/ekmConfig")
    return EkmConfigName(location(above))


def crypto_key(text: str) -> CryptoKeyName:
    """Return the name of a key."""
    return CryptoKeyName(*_in_ring(text, CryptoKeyName.noun))


def import_job(text: str) -> ImportJobName:
    """Return the name of an import job."""
    return ImportJobName(*_in_ring(text, ImportJobName.noun))


def version(text: str) -> VersionName:
    """Return the name of a key version."""
    key, found, number = text.partition("/cryptoKeyVersions/")
    if not found or not _NUMBER.fullmatch(number):
        raise _misshapen(text, "projects/*/locations/*/keyRings/*/cryptoKeys/*/cryptoKeyVersions/*")
    return VersionName(crypto_key(key), int(number))


def in_location(text: str, noun: str) -> tuple[LocationName, str]:
    """Return the location and the id of something that lies in one."""
    project, place, id_ = _segments(text, "projects", "locations", noun)
    return LocationName(project, place), id_


def key_or_version(text: str) -> tuple[CryptoKeyName, int | None]:
    """Return the name of a key, and the version if one is named too."""
    if "/cryptoKeyVersions/" in text:
        named = version(text)
        return named.parent, named.number
    return crypto_key(text), None


def new_id(text: str, field: str) -> str:
    """Return the id of a resource that is to be made."""
    if not text:
        raise required(f"{field} is required.", field=field)
    if not _ID.fullmatch(text):
        message = f"{field} takes 1 to {ID_CHARS_MAX} letters, digits, hyphens and underscores."
        raise invalid(message, field=field)
    return text


def _in_ring(text: str, noun: str) -> tuple[KeyRingName, str]:
    project, place, ring, last = _segments(text, "projects", "locations", "keyRings", noun)
    return KeyRingName(LocationName(project, place), ring), last


def _segments(text: str, *nouns: str) -> list[str]:
    """Return what stands behind each noun."""
    pieces = text.split("/")
    if tuple(pieces[::2]) != nouns or len(pieces) % 2 or not all(pieces[1::2]):
        raise _misshapen(text, "/".join(f"{noun}/*" for noun in nouns))
    if "\x00" in text:
        raise _misshapen(text[:80], "a name without NUL")
    return pieces[1::2]


def _misshapen(text: str, pattern: str) -> CloudError:
    return invalid(f"The name {text[:300]!r} does not have the form {pattern}.", field="name")
