"""What every use of a key asks first: is it enabled, made for this, and allowed for this reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rempart.core.errors import CloudError, Code, invalid
from rempart.core.grant import Grant
from rempart.services.kms.model.access_reasons import CUSTOMER_INITIATED_ACCESS, require_reason
from rempart.services.kms.model.names import VersionName
from rempart.services.kms.model.version import Version, require_enabled, wrong_purpose
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm, Purpose, Scheme
from rempart.trust.custody.software.key import Key

EXPERT_PERMISSIONS = {
    Scheme.CBC: "cloudkms.cryptoKeyVersions.manageRawAesCbcKeys",
    Scheme.CTR: "cloudkms.cryptoKeyVersions.manageRawAesCtrKeys",
    Scheme.RAW_PKCS1: "cloudkms.cryptoKeyVersions.manageRawPKCS1Keys",
}
"""What it takes to use the constructions that are easily misused, besides the right to use the key.

Source: "Raw symmetric encryption" and the expert roles in Cloud KMS's documentation.
"""

T = TypeVar("T")
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Usable:
    """A key version that may be used now."""

    name: VersionName
    version: Version
    algorithm: Algorithm
    key: Key

    @property
    def shown(self) -> Json:
        """Return what answers say of the version that was used."""
        return {"name": str(self.name), "protectionLevel": self.version.protection}


async def usable(grant: Grant, store: KmsStore, name: VersionName, purpose: Purpose) -> Usable:
    """Return a version ready for use, or raise why it is not."""
    key, version = await store.crypto_key(grant, name.parent), await store.version(grant, name)
    algorithm = ALGORITHMS[version.algorithm]
    if algorithm.purpose is not purpose:
        raise wrong_purpose(str(name), algorithm.purpose)
    require_enabled(version, str(name))
    require_reason(key.access_reasons, CUSTOMER_INITIATED_ACCESS, str(name.parent))
    expert = EXPERT_PERMISSIONS.get(algorithm.scheme)
    if expert is not None:
        await store.session.authority.require(expert, await store.version_resource(name))
    return Usable(name, version, algorithm, store.setup.materials.key(name, version))


def attempt(field: str, work: Callable[[], T]) -> T:
    """Return what the key computes; what does not fit or does not open is the caller's fault."""
    try:
        return work()
    except Unfit as problem:
        raise invalid(str(problem), field=field) from problem
    except Tampered as problem:
        raise CloudError(
            Code.INVALID_ARGUMENT,
            "Decryption failed: this key did not make this ciphertext, or not with this additional"
            " authenticated data.",
            reason="DECRYPTION_FAILED",
            field=field,
        ) from problem


async def attempt_in_thread(field: str, work: Callable[[], T]) -> T:
    """Do as `attempt`, for operations that would hold up everybody else."""
    return await asyncio.to_thread(attempt, field, work)
