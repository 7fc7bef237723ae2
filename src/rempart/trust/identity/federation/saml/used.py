"""Assertions that let a browser in: none of them is taken again, also after a restart."""

from __future__ import annotations

import msgspec

from rempart.engine.seam import Conflict
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.workforce.documents import digest_of


class Used(msgspec.Struct, frozen=True):
    """That an assertion was used; `until` is when it would not be taken any more anyway."""

    until: int


USED = Kind(b"#", Used)
"""By (provider's full name, SHA-256 of the assertion's ID)."""


async def use_up(sealed: SealedEngine, provider: str, id_: str, until: int) -> None:
    """Mark an assertion as used, durably; raises `Refused` where it was before."""
    tx, key = sealed.transaction(), (provider, digest_of(id_))
    if await tx.get(USED, *key) is not None:
        raise used()
    tx.put(USED, *key, value=Used(until))
    try:
        await tx.commit()
    except Conflict as problem:
        raise used() from problem


async def check_unused(sealed: SealedEngine, provider: str, id_: str) -> None:
    """Raise `Refused` where an assertion was used up."""
    if await sealed.find(USED, USED.key(provider, digest_of(id_))) is not None:
        raise used()


def used() -> Refused:
    """Return the refusal of an assertion that comes again."""
    return Refused("The SAML assertion was used before.")
