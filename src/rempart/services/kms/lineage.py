"""The way up from a project or folder, read in the transaction that relies on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from rempart.services.kms.model.container import ConfigName
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import DEPTH_MAX, FOLDERS, PROJECTS

T = TypeVar("T")


async def upwards(tx: Transaction, name: str) -> AsyncIterator[str]:
    """Iterate over a container and what it lies in, nearest first."""
    for _ in range(DEPTH_MAX):
        yield name
        noun, _, id_ = name.partition("/")
        if noun == "projects":
            project = await tx.get(PROJECTS, id_)
            name = project.parent if project else ""
        elif noun == "folders":
            folder = await tx.get(FOLDERS, id_)
            name = folder.parent if folder else ""
        else:
            return
        if not name:
            return


async def settings(
    tx: Transaction, kind: Kind[T], noun: str, container: str
) -> AsyncIterator[tuple[ConfigName, T]]:
    """Iterate over the settings of a kind on a container and above it, nearest first."""
    async for above in upwards(tx, container):
        name = ConfigName(above, noun)
        found = await tx.get(kind, *name.parts)
        if found is not None:
            yield name, found
