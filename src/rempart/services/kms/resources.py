"""Cloud KMS's resources as its JSON shows them.

Source: the messages of google.cloud.kms.v1 in the JSON mapping of protocol buffers.
"""

from __future__ import annotations

from rempart.core.clock import Micros, rfc3339
from rempart.services.kms.kinds import KeyRing
from rempart.services.kms.model.access_reasons import FIELD as REASONS_FIELD
from rempart.services.kms.model.access_reasons import reasons_json
from rempart.services.kms.model.choices import EXTERNAL, HSM, Choices
from rempart.services.kms.model.crypto_key import CryptoKey
from rempart.services.kms.model.import_job import ImportJob
from rempart.services.kms.model.names import (
    CryptoKeyName,
    ImportJobName,
    KeyRingName,
    LocationName,
    VersionName,
)
from rempart.services.kms.model.version import State, Version

Json = dict[str, object]


def location_json(name: LocationName, choices: Choices) -> Json:
    """Return a Location with Cloud KMS's metadata: whether HSM and external keys are there."""
    metadata: Json = {"@type": "type.googleapis.com/google.cloud.kms.v1.LocationMetadata"}
    available = {"hsmAvailable": HSM, "ekmAvailable": EXTERNAL}
    metadata |= {field: True for field, level in available.items() if level in choices.levels}
    return {
        "name": str(name),
        "locationId": name.location,
        "displayName": name.location,
        "metadata": metadata,
    }


def key_ring_json(name: KeyRingName, ring: KeyRing) -> Json:
    """Return a KeyRing."""
    return {"name": str(name), "createTime": rfc3339(Micros(ring.created))}


def crypto_key_json(name: CryptoKeyName, key: CryptoKey, primary: Version | None) -> Json:
    """Return a CryptoKey, with its primary version where it has one."""
    shown: Json = {
        "name": str(name),
        "createTime": rfc3339(Micros(key.created)),
        "purpose": key.purpose,
        "versionTemplate": {"protectionLevel": key.protection, "algorithm": key.algorithm},
        "destroyScheduledDuration": f"{key.destroy_seconds}s",
    }
    if primary is not None:
        shown["primary"] = version_json(name.version(primary.number), primary)
    if key.rotation_seconds:
        shown["rotationPeriod"] = f"{key.rotation_seconds}s"
    if key.next_rotation:
        shown["nextRotationTime"] = rfc3339(Micros(key.next_rotation))
    if key.labels:
        shown["labels"] = key.labels
    if key.import_only:
        shown["importOnly"] = True
    if key.backend:
        shown["cryptoKeyBackend"] = key.backend
    if key.access_reasons is not None:
        shown[REASONS_FIELD] = reasons_json(key.access_reasons)
    return shown


def version_json(name: VersionName, version: Version) -> Json:
    """Return a CryptoKeyVersion."""
    made = "importTime" if version.imported else "generateTime"
    failed = version.state is State.GENERATION_FAILED
    times = {
        "createTime": version.created,
        made: 0 if failed else version.imported or version.created,
        "destroyTime": version.destroy_at,
        "destroyEventTime": version.destroyed,
    }
    shown: Json = {
        "name": str(name),
        "state": version.state.value,
        "protectionLevel": version.protection,
        "algorithm": version.algorithm,
    }
    shown |= {field: rfc3339(Micros(time)) for field, time in times.items() if time}
    if version.import_job:
        shown["importJob"] = version.import_job
    if version.reimportable:
        shown["reimportEligible"] = True
    return shown | _external_json(version)


def _external_json(version: Version) -> Json:
    """Return what a version of an external key has besides."""
    ways = {"externalKeyUri": version.key_uri, "ekmConnectionKeyPath": version.key_path}
    options = {field: way for field, way in ways.items() if way}
    shown: Json = {"externalProtectionLevelOptions": options} if options else {}
    if version.failure:
        failed = version.state is State.GENERATION_FAILED
        shown["generationFailureReason" if failed else "externalDestructionFailureReason"] = (
            version.failure
        )
    return shown


def import_job_json(name: ImportJobName, job: ImportJob, now: Micros) -> Json:
    """Return an ImportJob; its public key as long as it can be used."""
    expired = job.expires <= now
    created = rfc3339(Micros(job.created))
    shown: Json = {
        "name": str(name),
        "importMethod": job.method,
        "protectionLevel": job.protection,
        "createTime": created,
        "generateTime": created,
        "expireTime": rfc3339(Micros(job.expires)),
        "state": "EXPIRED" if expired else "ACTIVE",
    }
    if not expired:
        shown["publicKey"] = {"pem": job.public_key}
    return shown
