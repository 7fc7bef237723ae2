"""Customer-managed keys: which Cloud KMS key a generation lies under, and what Google answers.

A bucket has, for each version of a customer's key that something in it lies under, a bucket key of
its own, wrapped by that version. Cloud Storage uses the version in the name of its service agent.
Source: Cloud Storage documentation, "Customer-managed encryption keys"; the reasons of the JSON
API's status codes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rempart.core.errors import CloudError, Code, data_loss, invalid, unavailable
from rempart.core.principal import Principal
from rempart.trust.custody.envelope import BucketKey, context
from rempart.trust.custody.external.faults import Fault, fault_of
from rempart.trust.session import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeyUse:
    """For whom and for what a customer's key is used: by the agent, for the caller of a session.

    `session` has the standing of the service agent.
    """

    session: Session
    agent: Principal
    bucket: str
    bucket_id: str
    name: str

    @property
    def target(self) -> str:
        """Return the resource that the caller asked for: an object, or a bucket."""
        bucket = f"projects/_/buckets/{self.bucket}"
        return f"{bucket}/objects/{self.name}" if self.name else bucket

    def bound(self, version: str) -> bytes:
        """Return the context that binds a bucket key to its bucket and a version."""
        return context("bucket-key", self.bucket_id, version)


class CustomerKeys(Protocol):
    """Cloud KMS as Cloud Storage uses it, in the name of its service agent.

    Every verb asks anew whether the version may be used: its state, the agent's permission, the
    key's policy on reasons. What is opened may be remembered only as long as the key's holder
    allows. Refusals are Cloud KMS's.
    """

    async def primary(self, use: KeyUse, key: str) -> str:
        """Return the name of the version of a key that encrypts now."""

    async def make(self, use: KeyUse, version: str) -> tuple[bytes, BucketKey]:
        """Return a fresh bucket key, wrapped by a version and opened."""

    async def open(self, use: KeyUse, version: str, wrapped: bytes) -> BucketKey:
        """Return a bucket key that was made for the same bucket, opened."""


async def translated(work: Awaitable[T], key: str, *, encrypting: bool) -> T:
    """Return what Cloud KMS answers, its refusals in Cloud Storage's words."""
    try:
        return await work
    except CloudError as problem:
        refused = _of_holder(problem, key) or _of_key(problem, key, encrypting=encrypting)
        if refused is None:
            raise
        raise refused from problem


def _of_key(problem: CloudError, key: str, *, encrypting: bool) -> CloudError | None:
    """Return the refusal of a key that is not there, not allowed, not enabled or not fit."""
    if problem.code is Code.NOT_FOUND:
        return _not_found(key, encrypting=encrypting)
    if problem.code is Code.PERMISSION_DENIED:
        return _denied(problem, key)
    if problem.reason in {"KEY_DISABLED", "KEY_DESTROYED"}:
        message = (
            f"The Cloud KMS key is disabled, destroyed, or scheduled to be destroyed:"
            f" {problem.message}"
        )
        return invalid(message, reason="cloudKmsDisabledKey")
    if problem.code in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION}:
        return invalid(f"Bad Cloud KMS key: {problem.message}", reason="cloudKmsBadKey")
    return None


def _of_holder(problem: CloudError, key: str) -> CloudError | None:
    """Return the refusal of a key that lives elsewhere, or None where it is about something else.

    What may pass by itself is a 503, so that clients try again.
    """
    fault = fault_of(problem)
    if fault is None:
        return None
    if fault is Fault.EXTERNAL_NOT_FOUND:
        return _not_found(key, encrypting=False)
    if fault is Fault.EXTERNAL_PERMISSION_DENIED:
        return _denied(problem, key)
    if fault is Fault.DECRYPTION_FAILED:
        return data_loss(f"The bucket's key does not open under {key}.")
    if fault.passes:
        return unavailable(f"The Cloud KMS key {key} cannot be used now: {problem.message}")
    return None


def _not_found(key: str, *, encrypting: bool) -> CloudError:
    way = "encryption" if encrypting else "decryption"
    reason = f"cloudKms{way.capitalize()}KeyNotFound"
    return invalid(f"The Cloud KMS {way} key {key} is not found.", reason=reason)


def _denied(problem: CloudError, key: str) -> CloudError:
    message = (
        f"Permission denied on Cloud KMS key {key}. Please ensure that your Cloud Storage service"
        f" account has been authorized to use this key. {problem.message}"
    )
    return CloudError(Code.PERMISSION_DENIED, message, reason="forbidden")
