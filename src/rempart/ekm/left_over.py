"""What a crash left over in the token while a key was made: objects that no key refers to."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.errors import not_found
from rempart.ekm.opened import Opened


@dataclass(frozen=True, slots=True)
class Found:
    """One object: its CKA_ID in hexadecimal, its label, and whether it was removed now."""

    id: str
    label: str
    removed: bool


async def look(opened: Opened, remove: tuple[str, ...], who: str) -> list[Found]:
    """Return what is left over, having removed what is asked for by id; raises CloudError.

    The manager must not run: a key that is being made looks the same. Where there are officers,
    removing is theirs to decide, and is refused.
    """
    every = await opened.store.left_over()
    unknown = sorted(set(remove) - {one.id.hex() for one in every})
    if unknown:
        raise not_found(f"Nothing left over has the id {unknown[0]!r}; nothing was removed.")
    found = []
    for one in every:
        known = {"id": one.id.hex(), "label": one.label}
        removed = one.id.hex() in remove
        if removed:
            await opened.command("hsm.remove", {**known}, who)
        found.append(Found(**known, removed=removed))
    return found
