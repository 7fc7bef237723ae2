"""The sealed root as a value: what `DIR/root.sealed` says, and how the root gets in and out.

Specified in docs/spec/root-seal.md. The key-encryption key is fresh for every sealing, so what
opened an older file says nothing about a newer one.
"""

from __future__ import annotations

import msgspec

from rempart.core.clock import Random
from rempart.trust.custody.envelope import context
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.keyring import KEY_BYTES
from rempart.trust.custody.xaes import XAES256GCM

FORMAT = "rempart-root-seal-1"
ID_BYTES = 16


class SealProblem(Exception):  # noqa: N818 - it is named for what it is
    """A sealed root that cannot be read, opened or replaced; the message says what to do."""


class Custodian(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept of one custodian: by what their share is known, and the share if it is sealed.

    Without a public key the share was shown once and is nowhere.
    """

    check: bytes
    name: str = ""
    public_key: bytes = b""
    sealed_share: bytes = b""


class Custodians(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="custodians"):
    """The key-encryption key is in the custodians' shares; `threshold` of them give it back."""

    threshold: int
    identifier: int
    """SLIP-0039's identifier of the set of shares."""
    custodians: tuple[Custodian, ...]


class HeldKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="key"):
    """The key-encryption key is wrapped by a key elsewhere, whose holder agrees each time.

    `mechanism` is `hsm` or `external`; `reference` is what it keeps of a key, the way to it.
    `certificate` (DER) is the only one that is believed of a key holder; empty is for a token.
    """

    mechanism: str
    reference: bytes
    wrapped_kek: bytes
    certificate: bytes = b""


OpenedBy = Custodians | HeldKey


class SealedRoot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of `DIR/root.sealed`."""

    format: str
    id: bytes
    opened_by: OpenedBy
    wrapped_root: bytes


def seal(
    root: bytes, kek: bytes, seal_id: bytes, opened_by: Custodians | HeldKey, random: Random
) -> bytes:
    """Return the file that keeps a root under a key-encryption key."""
    wrapped = XAES256GCM(kek).seal(root, _bound(seal_id, opened_by), random)
    return msgspec.json.format(
        msgspec.json.encode(SealedRoot(FORMAT, seal_id, opened_by, wrapped)), indent=1
    )


def parse(content: bytes) -> SealedRoot:
    """Return what a file says, or raise SealProblem."""
    try:
        sealed = msgspec.json.decode(content, type=SealedRoot)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise SealProblem(f"The sealed root is damaged: {problem}.") from None
    if sealed.format != FORMAT or len(sealed.id) != ID_BYTES:
        raise SealProblem(f"The sealed root is not of the form {FORMAT}: a newer Rempart made it.")
    by = sealed.opened_by
    if isinstance(by, Custodians) and not 1 <= by.threshold <= len(by.custodians):
        raise SealProblem("The sealed root is damaged: its threshold fits no number of custodians.")
    return sealed


def unseal(sealed: SealedRoot, kek: bytes) -> bytes:
    """Return the root, or raise SealProblem where key and file do not belong together."""
    bound = _bound(sealed.id, sealed.opened_by)
    try:
        root = XAES256GCM(kek).open(sealed.wrapped_root, bound)
    except Tampered:
        raise SealProblem(
            "The sealed root does not open: it was altered. Restore root.sealed from a backup."
        ) from None
    if len(root) != KEY_BYTES:
        raise SealProblem("The sealed root holds no root key.")
    return root


def _bound(seal_id: bytes, opened_by: OpenedBy) -> bytes:
    """Return what the wrapping vouches for besides the root: who opens it."""
    if isinstance(opened_by, HeldKey):
        held = (opened_by.mechanism, opened_by.reference, opened_by.certificate)
        return context("root-seal", seal_id, "key", *held)
    checks = [one.check for one in opened_by.custodians]
    return context(
        "root-seal", seal_id, "custodians", opened_by.threshold, opened_by.identifier, *checks
    )
