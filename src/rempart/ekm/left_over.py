"""What a crash left over in the token while a key was made: objects that no key refers to.

Officers are not asked: what goes is nothing that is held. Each removal is on record all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.errors import CloudError, not_found
from rempart.ekm.keys.store import no_token
from rempart.ekm.keys.token import TokenVault
from rempart.ekm.opened import Opened
from rempart.trust.custody.pkcs11.objects import LeftOver

VERB = "hsm.remove"


@dataclass(frozen=True, slots=True)
class Found:
    """One object: its CKA_ID in hexadecimal, its label, and whether it was removed now."""

    id: str
    label: str
    removed: bool


async def look(opened: Opened, remove: tuple[str, ...], who: str) -> list[Found]:
    """Return what is left over, having removed what is asked for by id; raises CloudError.

    The manager must not run: a key that is being made looks the same.
    """
    vault = opened.store.token
    if vault is None:
        raise no_token()
    every = await vault.left_over(opened.store.holdings.keys.values())
    unknown = sorted(set(remove) - {one.id.hex() for one in every})
    if unknown:
        raise not_found(f"Nothing left over has the id {unknown[0]!r}; nothing was removed.")
    found = []
    for one in every:
        removed = one.id.hex() in remove
        if removed:
            await _remove(opened, vault, one, who)
        found.append(Found(one.id.hex(), one.label, removed))
    return found


async def _remove(opened: Opened, vault: TokenVault, one: LeftOver, who: str) -> None:
    detail = {"id": one.id.hex(), "label": one.label, "who": who}
    await opened.record("admin", verb=VERB, stage="intent", detail=detail)
    try:
        await vault.remove(one)
    except CloudError as problem:
        await opened.record(
            "admin", verb=VERB, status=problem.status, cause=problem.message, detail=detail
        )
        raise
    await opened.record("admin", verb=VERB, status=200, detail=detail)
