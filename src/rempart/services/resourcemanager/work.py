"""What falls due in Resource Manager: what was deleted thirty days ago is removed for ever.

Policy answers for a project that is not there as for one that is forbidden, so that nothing which
lay in it is reached any more, by anybody. Its id and number stay taken.
"""

from __future__ import annotations

import logging

from rempart.core.clock import Micros
from rempart.engine.seam import Conflict, Span
from rempart.services.resourcemanager.kinds import DUE, Due
from rempart.services.resourcemanager.store import MANAGER, Setup
from rempart.services.resourcemanager.tags.release import release
from rempart.trust.custody.kind import Found
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import FOLDERS, PROJECTS, State
from rempart.trust.policy.registry import remove_folder, remove_project, scan_children
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode

BATCH = 100
_AGENT = "system:cloudresourcemanager"
_log = logging.getLogger(__name__)


class Purge:
    """The job that removes what has been deleted for long enough."""

    def __init__(self, sealed: SealedEngine, setup: Setup) -> None:
        self._sealed = sealed
        self._setup = setup

    async def run(self) -> None:
        """Remove everything whose time has come, oldest first."""
        now = self._setup.world.clock()
        span = Span(DUE.under().start, DUE.key(now + 1))
        while found := await self._sealed.scan(DUE, span, limit=BATCH):
            for one in found:
                await self._remove(one, now)
            span = span.after(found[-1].key)

    async def _remove(self, due: Found[Due], now: Micros) -> None:
        when = int.from_bytes(due.key[1:9], "big")
        noun, id_ = due.key[9:-1].decode().split("\x00")
        tx = self._sealed.transaction()
        if noun == "folders" and await _holds(tx, f"folders/{id_}"):
            return
        gone = await (_project if noun == "projects" else _folder)(tx, id_)
        tx.delete(DUE, when, noun, id_)
        if gone:
            tx.append(FEED, encode(_leaf(f"{noun}/{id_}", noun, now)))
        try:
            await tx.commit()
        except Conflict:
            _log.info("%s/%s changed meanwhile; it is looked at again.", noun, id_)


async def _project(tx: Transaction, id_: str) -> bool:
    found = await tx.get(PROJECTS, id_)
    if found is None or found.state is State.ACTIVE:
        return False
    await remove_project(tx, found)
    await release(tx, f"//{MANAGER}/projects/{found.number}")
    return True


async def _folder(tx: Transaction, id_: str) -> bool:
    found = await tx.get(FOLDERS, id_)
    if found is None or found.state is State.ACTIVE:
        return False
    await remove_folder(tx, found)
    await release(tx, f"//{MANAGER}/folders/{found.id}")
    return True


async def _holds(tx: Transaction, name: str) -> bool:
    """Tell whether anything still lies in a folder: that goes first."""
    for noun in ("folders", "projects"):
        if await scan_children(tx, name, noun, limit=1):
            return True
    return False


def _leaf(name: str, noun: str, now: Micros) -> Leaf:
    return Leaf(
        kind=OUTCOME,
        time=now,
        request="due",
        method=f"cloudresourcemanager.{noun}.purge",
        permission="",
        principal=_AGENT,
        resource=name,
        remote="local",
        status=200,
        facts={"name": name},
    )
