"""What becomes of the tags of a resource that is removed: a later one of its name has none."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.services.resourcemanager.tags.kinds import TAG_VALUE
from rempart.services.resourcemanager.tags.model import value_id
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.tags import TAGS


async def release(tx: Transaction, full_name: str) -> None:
    """Take all tags from a resource, in the transaction that removes it."""
    found = await tx.get(TAGS, full_name)
    if found is None:
        return
    for tag in found.tags:
        value = await tx.get(TAG_VALUE, value_id(tag.value))
        if value is not None:
            tx.put(TAG_VALUE, value.id, value=replace(value, bound=value.bound - 1))
    tx.delete(TAGS, full_name)
