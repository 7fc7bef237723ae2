"""Autokey: where keys that are made on demand go, and the handles by which they are asked for.

Source: AutokeyConfig and KeyHandle of google.cloud.kms.v1. The ring's name, the yearly rotation and
the form of a key's id are not in the API's description: here they are as below.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from rempart.core.document import Document, only, text
from rempart.core.errors import aborted, invalid, required, unsupported
from rempart.services.kms.model.container import ConfigName
from rempart.services.kms.model.names import InLocation, in_location

NOUN = "keyHandles"
RING = "autokey"
ROTATION_SECONDS = 365 * 86_400
RESOURCE_TYPES = {"storage.googleapis.com/Bucket": "storage-bucket"}
"""The resources of this universe that a key can be asked for, and how the key's id says so."""

DEDICATED, OWN, DISABLED = "DEDICATED_KEY_PROJECT", "RESOURCE_PROJECT", "DISABLED"
ACTIVE, UNINITIALIZED, PROJECT_DELETED = "ACTIVE", "UNINITIALIZED", "KEY_PROJECT_DELETED"
_UNSPECIFIED = "KEY_PROJECT_RESOLUTION_MODE_UNSPECIFIED"
_PROJECT, _MODE = "keyProject", "keyProjectResolutionMode"
Json = dict[str, object]


class AutokeyConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which project keys are made in; `mode` is empty where nothing is said here."""

    key_project: str = ""
    mode: str = ""


class KeyHandle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request for a key, and the key that was made for it."""

    created: int
    resource_type: str
    kms_key: str


@dataclass(frozen=True, slots=True)
class KeyHandleName(InLocation):
    """`…/keyHandles/H`."""

    noun: ClassVar[str] = NOUN


def key_handle_name(name: str) -> KeyHandleName:
    """Return the name of a key handle."""
    return KeyHandleName(*in_location(name, NOUN))


def changed(
    name: ConfigName, old: AutokeyConfig, document: Document, mask: frozenset[str]
) -> AutokeyConfig:
    """Return the setting that an update asks for; an empty key project clears it."""
    unknown = sorted(mask - {_PROJECT, _MODE, "etag"})
    if unknown:
        raise invalid(f"{unknown[0][:80]} cannot be updated.", field="updateMask")
    only(document, "name", "state", "etag", _PROJECT, _MODE)
    etag = text(document, "etag")
    if etag and etag != etag_of(name, old):
        raise aborted(f"{name} has changed since it was read.")
    new = old
    if _PROJECT in mask:
        project = text(document, _PROJECT)
        new = AutokeyConfig(project, DEDICATED if project else "")
    if _MODE in mask:
        new = replace(new, mode=text(document, _MODE).removeprefix(_UNSPECIFIED) or new.mode)
    return _checked(new)


def _checked(config: AutokeyConfig) -> AutokeyConfig:
    if config.mode not in {"", DEDICATED, OWN, DISABLED}:
        raise invalid(f"{config.mode[:80]} is no mode.", field=_MODE)
    if config.mode == DEDICATED and not config.key_project:
        raise required(f"{DEDICATED} needs keyProject.", field=_PROJECT)
    if config.key_project and not config.key_project.startswith("projects/"):
        raise invalid("keyProject has the form projects/PROJECT.", field=_PROJECT)
    return config if config.mode == DEDICATED else replace(config, key_project="")


def etag_of(name: ConfigName, config: AutokeyConfig) -> str:
    """Return a checksum of the setting."""
    said = "\x00".join((str(name), config.key_project, config.mode))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def config_json(name: ConfigName, config: AutokeyConfig, *, lives: bool) -> Json:
    """Return the setting as JSON shows it; `lives` tells whether its key project is in use."""
    state = ACTIVE if lives else PROJECT_DELETED
    shown: Json = {
        "name": str(name),
        "state": state if config.mode else UNINITIALIZED,
        "etag": etag_of(name, config),
    }
    return shown | where_json(config)


def where_json(config: AutokeyConfig) -> Json:
    """Return where keys are made, as far as the setting says."""
    said = {_PROJECT: config.key_project, _MODE: config.mode}
    return {field: value for field, value in said.items() if value}


def resource_type(document: Document) -> str:
    """Return the type of resource that a handle is asked for."""
    only(document, "name", "kmsKey", "resourceTypeSelector")
    asked = text(document, "resourceTypeSelector")
    if not asked:
        raise required("resourceTypeSelector is required.", field="resourceTypeSelector")
    if asked not in RESOURCE_TYPES:
        offered = ", ".join(RESOURCE_TYPES)
        what = f"A key for {asked[:80]!r} (there are keys for {offered})"
        raise unsupported(what, field="resourceTypeSelector")
    return asked


def key_handle_json(name: KeyHandleName, handle: KeyHandle) -> Json:
    """Return a KeyHandle."""
    return {
        "name": str(name),
        "kmsKey": handle.kms_key,
        "resourceTypeSelector": handle.resource_type,
    }
