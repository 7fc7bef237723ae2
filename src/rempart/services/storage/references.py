"""Who holds a blob: counted, in the same commit as whatever changes it."""

from __future__ import annotations

from rempart.engine.seam import BlobId
from rempart.services.storage.kinds import REFERENCE, Reference
from rempart.trust.custody.transaction import Transaction


async def hold(tx: Transaction, blob: str) -> None:
    """Count one more holder."""
    held = await tx.get(REFERENCE, blob)
    tx.put(REFERENCE, blob, value=Reference(held.count + 1 if held else 1))


async def drop(tx: Transaction, blob: str) -> None:
    """Count one holder less; the last one's commit removes the blob."""
    held = await tx.get(REFERENCE, blob)
    if held is not None and held.count > 1:
        tx.put(REFERENCE, blob, value=Reference(held.count - 1))
        return
    tx.delete(REFERENCE, blob)
    tx.delete_blob(BlobId(blob))
