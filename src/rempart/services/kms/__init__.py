"""Cloud KMS v1: key rings, keys, versions, import jobs, and every use of a key in software.

The table below is the service: each method with the permission that the gate asks for, on what.
Every write tells the log the digest of each document that it changed (`vouched.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.services.kms.api import (
    asked,
    asymmetric,
    autokey,
    crypto_keys,
    ekm,
    erasure,
    iam,
    import_jobs,
    justifications,
    key_handles,
    key_rings,
    locations,
    mac,
    operations,
    proposed,
    retired_resources,
    symmetric,
    versions,
)
from rempart.services.kms.api.iam import PolicyMethods
from rempart.services.kms.api.import_jobs import Imported
from rempart.services.kms.api.key_handles import Staged
from rempart.services.kms.api.proposed import Proposes
from rempart.services.kms.material import Fresh
from rempart.services.kms.store import KmsStore, Setup
from rempart.trust.session import Session
from rempart.wire import WireMethod, WireParameter, WireService

_R, _W = Access.READ, Access.WRITE
_L, _IN, _G, _K, _V, _J, _E, _C = (
    asked.location,
    asked.in_location,
    asked.key_ring,
    asked.crypto_key,
    asked.version,
    asked.import_job,
    asked.ekm_connection,
    asked.ekm_config,
)

Resources = Callable[[Call, KmsStore], Awaitable[Resource]]
Run = Callable[[Grant, Call, KmsStore], Awaitable[Reply]]
Stage = Callable[[Grant, Call, KmsStore], Awaitable[Any]]

_LOCATIONS = "cloudkms.projects.locations"
_RINGS = f"{_LOCATIONS}.keyRings"
_KEYS = f"{_RINGS}.cryptoKeys"
_VERSIONS = f"{_KEYS}.cryptoKeyVersions"
_JOBS = f"{_RINGS}.importJobs"
_EKMS = f"{_LOCATIONS}.ekmConnections"
_HANDLES = f"{_LOCATIONS}.keyHandles"
_RETIRED = f"{_LOCATIONS}.retiredResources"


def _method(  # noqa: PLR0913 - each is a part of a row
    name: str,
    access: Access,
    permission: str,
    resource: Resources,
    run: Run,
    *,
    stage: Stage | None = None,
    proposes: Proposes | None = None,
) -> Method[KmsStore]:
    told = run if access is Access.READ else _telling(run)
    return Method(
        MethodId(name),
        access,
        told,
        resource,
        f"cloudkms.{permission}",
        stage=stage,
        proposes=proposes,
    )


def _telling(run: Run) -> Run:
    """Return a method whose entry in the log also says what became of each document."""

    async def told(grant: Grant, call: Call, store: KmsStore) -> Reply:
        reply = await run(grant, call, store)
        return replace(reply, audit={**reply.audit, **store.writes.facts})

    return told


def _policies(
    noun: str, on: str, resource: Resources, methods: PolicyMethods
) -> tuple[Method[KmsStore], ...]:
    """Return the three methods on the policies of a kind of resource."""
    return (
        _method(f"{noun}.getIamPolicy", _R, f"{on}.getIamPolicy", resource, methods.get),
        _method(
            f"{noun}.setIamPolicy",
            _W,
            f"{on}.setIamPolicy",
            resource,
            methods.set,
            proposes=methods.proposes,
        ),
        Method(
            MethodId(f"{noun}.testIamPermissions"),
            _R,
            methods.test,
            resource,
            public="it tells callers their own rights only",
        ),
    )


def _use(name: str, use: str, run: Run, on: Resources = _V) -> Method[KmsStore]:
    """Return a method that uses a key and changes nothing."""
    return _method(name, _R, f"cryptoKeyVersions.{use}", on, run)


def _settings(
    noun: str, on: str, containers: tuple[str, ...], get: Run, update: Run
) -> tuple[Method[KmsStore], ...]:
    """Return the two methods on a setting of projects, folders or organizations, for each."""
    return tuple(
        _method(f"cloudkms.{above}.{verb}{noun}Config", access, f"{on}.{verb}", asked.above, run)
        for above in containers
        for verb, access, run in (("get", _R, get), ("update", _W, update))
    )


METHODS: tuple[Method[KmsStore], ...] = (
    _method(f"{_LOCATIONS}.get", _R, "locations.get", _L, locations.get),
    _method(f"{_LOCATIONS}.list", _R, "locations.list", asked.project, locations.list_),
    _method(
        f"{_LOCATIONS}.generateRandomBytes",
        _R,
        "locations.generateRandomBytes",
        _L,
        locations.generate_random_bytes,
    ),
    _method(
        f"{_RINGS}.create",
        _W,
        "keyRings.create",
        _L,
        key_rings.create,
        proposes=proposed.located("KeyRing", "keyRingId"),
    ),
    _method(f"{_RINGS}.get", _R, "keyRings.get", _G, key_rings.get),
    _method(f"{_RINGS}.list", _R, "keyRings.list", _L, key_rings.list_),
    _method(f"{_RINGS}.delete", _W, "keyRings.delete", _G, key_rings.delete),
    *_policies(_RINGS, "keyRings", _G, iam.KEY_RINGS),
    _method(
        f"{_KEYS}.create",
        _W,
        "cryptoKeys.create",
        _G,
        crypto_keys.create,
        stage=crypto_keys.stage,
        proposes=proposed.crypto_key,
    ),
    _method(f"{_KEYS}.get", _R, "cryptoKeys.get", _K, crypto_keys.get),
    _method(f"{_KEYS}.list", _R, "cryptoKeys.list", _G, crypto_keys.list_),
    _method(f"{_KEYS}.delete", _W, "cryptoKeys.delete", _K, crypto_keys.delete),
    _method(
        f"{_KEYS}.patch",
        _W,
        "cryptoKeys.update",
        _K,
        crypto_keys.patch,
        proposes=proposed.patched_crypto_key,
    ),
    _method(
        f"{_KEYS}.updatePrimaryVersion",
        _W,
        "cryptoKeys.update",
        _K,
        crypto_keys.update_primary_version,
    ),
    _use(f"{_KEYS}.encrypt", "useToEncrypt", symmetric.encrypt, _K),
    _use(f"{_KEYS}.decrypt", "useToDecrypt", symmetric.decrypt, _K),
    *_policies(_KEYS, "cryptoKeys", _K, iam.CRYPTO_KEYS),
    _method(
        f"{_VERSIONS}.create",
        _W,
        "cryptoKeyVersions.create",
        _K,
        versions.create,
        stage=versions.stage,
    ),
    _method(f"{_VERSIONS}.get", _R, "cryptoKeyVersions.get", _V, versions.get),
    _method(f"{_VERSIONS}.list", _R, "cryptoKeyVersions.list", _K, versions.list_),
    _method(f"{_VERSIONS}.delete", _W, "cryptoKeyVersions.delete", _V, versions.delete),
    _method(
        f"{_VERSIONS}.patch",
        _W,
        "cryptoKeyVersions.update",
        _V,
        versions.patch,
        stage=versions.stage_patch,
    ),
    _method(
        f"{_VERSIONS}.destroy",
        _W,
        "cryptoKeyVersions.destroy",
        _V,
        versions.destroy,
        proposes=proposed.destroyed_version,
    ),
    _method(f"{_VERSIONS}.restore", _W, "cryptoKeyVersions.restore", _V, versions.restore_),
    _method(
        f"{_VERSIONS}.import",
        _W,
        "cryptoKeyVersions.create",
        _K,
        import_jobs.import_version,
        stage=import_jobs.stage_import,
    ),
    _method(f"{_VERSIONS}.getErasureCertificate", _R, "cryptoKeyVersions.get", _V, erasure.get),
    _use(f"{_VERSIONS}.getPublicKey", "viewPublicKey", versions.get_public_key),
    _use(f"{_VERSIONS}.rawEncrypt", "useToEncrypt", symmetric.raw_encrypt),
    _use(f"{_VERSIONS}.rawDecrypt", "useToDecrypt", symmetric.raw_decrypt),
    _use(f"{_VERSIONS}.asymmetricSign", "useToSign", asymmetric.sign),
    _use(f"{_VERSIONS}.asymmetricDecrypt", "useToDecrypt", asymmetric.decrypt),
    _use(f"{_VERSIONS}.decapsulate", "useToDecapsulate", asymmetric.decapsulate),
    _use(f"{_VERSIONS}.macSign", "useToSign", mac.sign),
    _use(f"{_VERSIONS}.macVerify", "useToVerify", mac.verify),
    _method(
        f"{_JOBS}.create",
        _W,
        "importJobs.create",
        _G,
        import_jobs.create,
        stage=import_jobs.stage,
        proposes=proposed.located("ImportJob", "importJobId"),
    ),
    _method(f"{_JOBS}.get", _R, "importJobs.get", _J, import_jobs.get),
    _method(f"{_JOBS}.list", _R, "importJobs.list", _G, import_jobs.list_),
    *_policies(_JOBS, "importJobs", _J, iam.IMPORT_JOBS),
    _method(
        f"{_EKMS}.create",
        _W,
        "ekmConnections.create",
        _L,
        ekm.create,
        proposes=proposed.located("EkmConnection", "ekmConnectionId"),
    ),
    _method(f"{_EKMS}.get", _R, "ekmConnections.get", _E, ekm.get),
    _method(f"{_EKMS}.list", _R, "ekmConnections.list", _L, ekm.list_),
    _method(f"{_EKMS}.patch", _W, "ekmConnections.update", _E, ekm.patch),
    _method(
        f"{_EKMS}.verifyConnectivity",
        _R,
        "ekmConnections.verifyConnectivity",
        _E,
        ekm.verify_connectivity,
    ),
    *_policies(_EKMS, "ekmConnections", _E, iam.EKM_CONNECTIONS),
    _method(f"{_LOCATIONS}.getEkmConfig", _R, "ekmConfigs.get", _C, ekm.get_config),
    _method(f"{_LOCATIONS}.updateEkmConfig", _W, "ekmConfigs.update", _C, ekm.update_config),
    *_policies(f"{_LOCATIONS}.ekmConfig", "ekmConfigs", _C, iam.EKM_CONFIG),
    *_settings("Autokey", "autokeyConfigs", ("folders", "projects"), autokey.get, autokey.update),
    _method(
        "cloudkms.folders.showEffectiveAutokeyConfig",
        _R,
        "folders.showEffectiveAutokeyConfig",
        asked.above,
        autokey.show_effective,
    ),
    _method(
        "cloudkms.projects.showEffectiveAutokeyConfig",
        _R,
        "projects.showEffectiveAutokeyConfig",
        asked.above,
        autokey.show_effective,
    ),
    _method(
        f"{_HANDLES}.create",
        _W,
        "keyHandles.create",
        _L,
        key_handles.create,
        stage=key_handles.stage,
        proposes=proposed.handled_crypto_key,
    ),
    _method(f"{_HANDLES}.get", _R, "keyHandles.get", _IN, key_handles.get),
    _method(f"{_HANDLES}.list", _R, "keyHandles.list", _L, key_handles.list_),
    *_settings(
        "KajPolicy",
        "kajPolicyConfigs",
        ("folders", "organizations", "projects"),
        justifications.get,
        justifications.update,
    ),
    _method(
        "cloudkms.projects.showEffectiveKeyAccessJustificationsPolicyConfig",
        _R,
        "projects.showEffectiveKajPolicyConfig",
        asked.above,
        justifications.show_effective,
    ),
    _method(
        "cloudkms.projects.showEffectiveKeyAccessJustificationsEnrollmentConfig",
        _R,
        "projects.showEffectiveKajEnrollmentConfig",
        asked.above,
        justifications.show_enrollment,
    ),
    _method(f"{_RETIRED}.get", _R, "retiredResources.get", _IN, retired_resources.get),
    _method(f"{_RETIRED}.list", _R, "retiredResources.list", _L, retired_resources.list_),
    _method(f"{_LOCATIONS}.operations.get", _R, "operations.get", _IN, operations.get),
)


OWN = WireService(
    name="cloudkms",
    version="v1",
    revision="",
    host="cloudkms",
    methods=(
        WireMethod(
            id=f"{_VERSIONS}.getErasureCertificate",
            verb="GET",
            path="v1/{name=projects/*/locations/*/keyRings/*/cryptoKeys/*/cryptoKeyVersions/*}"
            "/erasureCertificate",
            parameters=(WireParameter("name", "path", "string", required=True),),
        ),
    ),
)
"""Methods that Google does not describe: this universe's own."""


@dataclass(frozen=True, slots=True)
class KmsService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "cloudkms"
    methods: tuple[Method[KmsStore], ...] = METHODS

    def open(self, session: Session) -> KmsStore:
        """Return the store of one session."""
        return KmsStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - each method stages its own
        """Destroy the key that was made for a version that is not stored."""
        fresh = staged.fresh if isinstance(staged, Imported | Staged) else staged
        if isinstance(fresh, Fresh):
            await self.setup.materials.drop(fresh)
