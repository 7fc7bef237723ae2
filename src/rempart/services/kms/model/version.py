"""A key version: its states, and what may be done in each.

Source: CryptoKeyVersion of google.cloud.kms.v1, "Key version states".
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum

import msgspec
from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code, invalid

VERSIONS_PER_KEY_MAX = 100_000


class State(Enum):
    """Where a version stands in its life."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DESTROY_SCHEDULED = "DESTROY_SCHEDULED"
    DESTROYED = "DESTROYED"
    GENERATION_FAILED = "GENERATION_FAILED"
    PENDING_EXTERNAL_DESTRUCTION = "PENDING_EXTERNAL_DESTRUCTION"
    EXTERNAL_DESTRUCTION_FAILED = "EXTERNAL_DESTRUCTION_FAILED"


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a key; `material` is wrapped, and empty once the version is destroyed.

    `material` is what the mechanism of `protection` keeps of the key. `destroy_at` is when a
    scheduled destruction falls due; `destroyed` when it happened. `destroying` says that a key
    which lies elsewhere may be gone already: nothing brings the version back. An external key has a
    `key_uri`, or a `key_path` behind its key's connection. `failure` says why the manager did not
    make or destroy its key.
    """

    number: int
    created: int
    algorithm: str
    protection: str
    state: State = State.ENABLED
    material: bytes = b""
    destroy_at: int = 0
    destroyed: int = 0
    destroying: bool = False
    import_job: str = ""
    imported: int = 0
    key_uri: str = ""
    key_path: str = ""
    failure: str = ""
    fingerprint: bytes = b""
    """Of imported material, by which the same one is known when it comes again."""

    @property
    def reimportable(self) -> bool:
        """Tell whether the material may come again: it was imported, and was destroyed."""
        return self.state is State.DESTROYED and self.imported > 0


def fingerprint(key: str, material: bytes) -> bytes:
    """Return what stays of material that was imported into a key (docs/spec/keys.md)."""
    return hashlib.sha256(f"rempart.kms.reimport.v1\x00{key}\x00".encode() + material).digest()


def require_enabled(version: Version, name: str) -> None:
    """Raise unless the version may be used."""
    if version.state is not State.ENABLED:
        raise _wrong_state(version, name, "enabled")


def wrong_purpose(name: str, purpose: str) -> CloudError:
    """Return the refusal of an operation that a key's purpose does not have."""
    return CloudError(
        Code.FAILED_PRECONDITION,
        f"{name} cannot do that: its purpose is {purpose}.",
        reason="WRONG_PURPOSE",
    )


def set_state(version: Version, wanted: str, name: str) -> Version:
    """Return the version enabled or disabled, as an update asks."""
    if wanted not in {"ENABLED", "DISABLED"}:
        raise invalid("A version can be set ENABLED or DISABLED only.", field="state")
    if version.state not in {State.ENABLED, State.DISABLED}:
        raise _wrong_state(version, name, "enabled or disabled")
    return replace(version, state=State(wanted))


def schedule_destruction(version: Version, name: str, at: Micros) -> Version:
    """Return the version with its destruction due at a time."""
    if version.state not in {State.ENABLED, State.DISABLED}:
        raise _wrong_state(version, name, "enabled or disabled")
    return replace(version, state=State.DESTROY_SCHEDULED, destroy_at=at)


def restore(version: Version, name: str, now: Micros) -> Version:
    """Return the version disabled, its destruction called off in time."""
    gone = version.destroying or version.destroy_at <= now
    if version.state is not State.DESTROY_SCHEDULED or gone:
        raise _wrong_state(version, name, "scheduled for destruction")
    return replace(version, state=State.DISABLED, destroy_at=0)


def destroyed(version: Version, now: Micros) -> Version:
    """Return the version without its material, for ever."""
    return replace(version, state=State.DESTROYED, material=b"", destroyed=now, destroying=False)


def pending_external(version: Version, disarmed: bytes) -> Version:
    """Return the version without the universe's half; the manager's is still to go."""
    return replace(
        version,
        state=State.PENDING_EXTERNAL_DESTRUCTION,
        material=disarmed,
    )


def external_failed(version: Version, why: str, now: Micros) -> Version:
    """Return the version whose manager would not, or could not, destroy its key."""
    return replace(destroyed(version, now), state=State.EXTERNAL_DESTRUCTION_FAILED, failure=why)


def require_deletable(version: Version, name: str) -> None:
    """Raise unless the version may be deleted: destroyed, and its material was made here."""
    if version.state not in {State.DESTROYED, State.GENERATION_FAILED}:
        raise _wrong_state(version, name, "destroyed")
    if version.imported:
        message = f"{name} was imported: such versions cannot be deleted."
        raise CloudError(Code.FAILED_PRECONDITION, message, reason="VERSION_IMPORTED")


def reimported(old: Version, new: Version, name: str) -> Version:
    """Return a destroyed version with its imported material back, which must be the same."""
    if not old.imported:
        message = f"{name} was not imported: nothing can be imported into it again."
        raise CloudError(Code.FAILED_PRECONDITION, message, reason="VERSION_NOT_IMPORTED")
    if not old.reimportable:
        raise _wrong_state(old, name, "destroyed")
    if new.algorithm != old.algorithm:
        raise invalid(f"{name} is a key of {old.algorithm}.", field="algorithm")
    if not hmac.compare_digest(new.fingerprint, old.fingerprint):
        message = f"The wrapped key is another one than {name} had."
        raise invalid(message, field="wrappedKey", reason="OTHER_KEY_MATERIAL")
    return replace(new, created=old.created)


def _wrong_state(version: Version, name: str, wanted: str) -> CloudError:
    kind = "KEY_DESTROYED" if version.state is State.DESTROYED else "KEY_DISABLED"
    return CloudError(
        Code.FAILED_PRECONDITION,
        f"{name} is not {wanted}, current state is: {version.state.value}.",
        reason=kind,
    )
