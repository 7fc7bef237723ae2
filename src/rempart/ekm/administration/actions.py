"""What officers can decide together. Format: docs/spec/proposal.md."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from rempart.core.limits import KIB
from rempart.core.signing.keys import VerifyingKey

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$")]
Path = Annotated[str, Meta(min_length=1, max_length=300)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Seconds = Annotated[int, Meta(ge=0, le=86_400)]
ObjectId = Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){1,64}$")]


class _Action(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="action",
    tag=lambda name: name[0].lower() + name[1:],
):
    """One decision; `action` in its JSON is the name of its class, in camelCase."""


class AddOfficer(_Action, frozen=True):
    """Let somebody decide with the others."""

    name: Name
    key: VerifyingKey


class RemoveOfficer(_Action, frozen=True):
    """Let somebody decide no more."""

    name: Name


class SetQuorum(_Action, frozen=True):
    """Change how many officers decide."""

    quorum: Annotated[int, Meta(ge=1, le=32)]


class AddApprover(_Action, frozen=True):
    """Let somebody's signed approvals count."""

    name: Name
    key: VerifyingKey


class RemoveApprover(_Action, frozen=True):
    """Let somebody's approvals count no more, those already given included."""

    name: Name


class AdoptPolicy(_Action, frozen=True):
    """Put a policy in force: its text, and the SHA-256 of the text as officers compare it."""

    sha256: Digest
    text: str


class Unblock(_Action, frozen=True):
    """Lift one block, by the digest of the statement that made it; a later one stays."""

    block: Digest


class CreateSpace(_Action, frozen=True):
    """Make a crypto space."""

    space: Path


class CreateKey(_Action, frozen=True):
    """Make a key with fresh material; without a home, in the token where there is one."""

    key: Path
    algorithm: str
    cache_seconds: Seconds = 0
    home: Literal["", "software", "token"] = ""


class DestroyKey(_Action, frozen=True):
    """Erase a key's material for good."""

    key: Path


class RemoveLeftOver(_Action, frozen=True):
    """Destroy an object in the token that is no key's, by its CKA_ID; its label must be this."""

    id: ObjectId
    label: Path


class SetCacheDuration(_Action, frozen=True):
    """Say how long a cloud may keep what a key unwrapped."""

    key: Path
    seconds: Seconds


class TrustIssuer(_Action, frozen=True):
    """Listen to callers whose tokens this issuer signs.

    `keys` is its JWK set, as text, or `keys_url` where the set is fetched from.
    """

    issuer: Annotated[str, Meta(min_length=1, max_length=512)]
    mail_domains: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)]
    audiences: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    keys: Annotated[str, Meta(max_length=16 * KIB)] = ""
    keys_url: Annotated[str, Meta(max_length=512)] = ""
    authority: Annotated[str, Meta(max_length=16 * KIB)] = ""


class DistrustIssuer(_Action, frozen=True):
    """Listen to nobody whose tokens this issuer signs."""

    issuer: Annotated[str, Meta(min_length=1, max_length=512)]


_Keys = CreateSpace | CreateKey | DestroyKey | RemoveLeftOver | SetCacheDuration
Effect = _Keys | TrustIssuer | DistrustIssuer
"""Decisions about what is held in keys and issuers: carried out there, not in this state."""

Own = AddOfficer | RemoveOfficer | SetQuorum | AddApprover | RemoveApprover | AdoptPolicy | Unblock
"""Decisions about the state of administration itself."""

Action = Own | Effect
