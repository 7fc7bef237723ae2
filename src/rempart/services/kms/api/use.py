"""What every use of a key asks first: is it enabled, made for this, and allowed for this reason."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from rempart.core.access_reasons import CUSTOMER_INITIATED_ACCESS
from rempart.core.call import Call
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.grant import Grant
from rempart.core.limits import KIB
from rempart.services.kms.material import Fresh
from rempart.services.kms.model.access_reasons import require_reason
from rempart.services.kms.model.crypto_key import CryptoKey
from rempart.services.kms.model.names import VersionName
from rempart.services.kms.model.version import Version, require_enabled, wrong_purpose
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.mechanism import LiveKey, UseContext
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm, Purpose, Scheme

EXPERT_PERMISSIONS = {
    Scheme.CBC: "cloudkms.cryptoKeyVersions.manageRawAesCbcKeys",
    Scheme.CTR: "cloudkms.cryptoKeyVersions.manageRawAesCtrKeys",
    Scheme.RAW_PKCS1: "cloudkms.cryptoKeyVersions.manageRawPKCS1Keys",
}
"""What it takes to use the constructions that are easily misused, besides the right to use the key.

Source: "Raw symmetric encryption" and the expert roles in Cloud KMS's documentation.
"""

APPROVAL_HEADER = "x-rempart-approval"
"""Approvals for an external key manager: compact JWS, joined by `~`. In gRPC it is metadata."""

APPROVAL_CHARS_MAX = 34 * KIB

T = TypeVar("T")
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Usable:
    """A key version that may be used now."""

    name: VersionName
    version: Version
    algorithm: Algorithm
    key: LiveKey

    @property
    def shown(self) -> Json:
        """Return what answers say of the version that was used."""
        return {"name": str(self.name), "protectionLevel": self.version.protection}


def direct(grant: Grant, call: Call, name: VersionName) -> UseContext:
    """Return the context of a use that the caller of Cloud KMS asks for in person."""
    return UseContext(
        version=str(name),
        key=str(name.parent),
        reason=grant.reason or CUSTOMER_INITIATED_ACCESS,
        principal=grant.principal.member,
        method=call.method,
        approval=joined(grant.evidence, call),
        request=call.request_id,
        approved=grant.approval,
    )


def joined(evidence: str, call: Call) -> str:
    """Return what speaks for a use: what the approvers signed, and what the caller brought."""
    return "~".join(filter(None, (evidence, approval_of(call))))


def approval_of(call: Call) -> str:
    """Return the signed approvals that the caller brought for the key holder."""
    given = call.headers.get(APPROVAL_HEADER, "")
    if len(given) > APPROVAL_CHARS_MAX:
        message = f"{APPROVAL_HEADER} has at most {APPROVAL_CHARS_MAX} characters."
        raise invalid(message, field=APPROVAL_HEADER)
    return given


async def usable(
    grant: Grant, call: Call, store: KmsStore, name: VersionName, purpose: Purpose
) -> Usable:
    """Return a version ready for use by the caller in person, or raise why it is not."""
    return await usable_in(direct(grant, call, name), grant, store, name, purpose)


async def usable_in(
    context: UseContext, grant: Grant, store: KmsStore, name: VersionName, purpose: Purpose
) -> Usable:
    """Return a version ready for a use, or raise why it is not."""
    key, version = await store.crypto_key(grant, name.parent), await store.version(grant, name)
    algorithm = ALGORITHMS[version.algorithm]
    if algorithm.purpose is not purpose:
        raise wrong_purpose(context.version, algorithm.purpose)
    require_enabled(version, context.version)
    require_reason(key.access_reasons, context.reason, context.key)
    expert = EXPERT_PERMISSIONS.get(algorithm.scheme)
    if expert is not None:
        await store.session.authority.require(expert, await store.version_resource(name))
    live = store.setup.materials.key(name, version).used_in(context)
    store.session.authority.uses_key(context.version)
    return Usable(name, version, algorithm, live)


async def made(
    grant: Grant, call: Call, store: KmsStore, name: VersionName, key: CryptoKey
) -> Fresh:
    """Make the key of a version that is to be created."""
    await _announced(store, key)
    use = direct(grant, call, name)
    return await store.setup.materials.generate(key.algorithm, key.protection, use)


async def taken(
    grant: Grant, call: Call, store: KmsStore, name: VersionName, key: CryptoKey, material: bytes
) -> Fresh:
    """Make the key of a version that is to be created, of imported material."""
    await _announced(store, key)
    use = direct(grant, call, name)
    return await store.setup.materials.take(key.algorithm, key.protection, material, use)


async def _announced(store: KmsStore, key: CryptoKey) -> None:
    """Have the log say what is about to be made where no transaction can take it back."""
    if store.setup.materials.lasting(key.protection):
        await store.session.intend()


async def attempt(field: str, work: Awaitable[T]) -> T:
    """Return what the key computes, or refuse what the caller sent."""
    try:
        return await work
    except (Unfit, Tampered) as problem:
        raise refusal(field, problem) from problem


def refusal(field: str, problem: Unfit | Tampered) -> CloudError:
    """Return that what a caller sent in a field does not fit, or does not open."""
    if isinstance(problem, Unfit):
        return invalid(str(problem), field=field)
    return CloudError(
        Code.INVALID_ARGUMENT,
        "Decryption failed: this key did not make this ciphertext, or not with this additional"
        " authenticated data.",
        reason="DECRYPTION_FAILED",
        field=field,
    )
