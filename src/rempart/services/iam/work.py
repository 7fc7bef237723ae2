"""What falls due in IAM: deleted accounts that can be restored no longer go, with their keys.

Each is one commit with its entry in the log. That its email was given once stays known.
"""

from __future__ import annotations

import logging

from rempart.core.clock import World
from rempart.engine.seam import Conflict
from rempart.services.iam.model.service_account import lost
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.accounts import ACCOUNT_ENTRIES, KEYS, AccountEntry, account_name
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf, encode

BATCH = 500
_AGENT = "system:iam"
_log = logging.getLogger(__name__)


class LostAccounts:
    """The job that removes what is left of accounts that were deleted thirty days ago."""

    def __init__(self, sealed: SealedEngine, world: World) -> None:
        self._sealed = sealed
        self._world = world

    async def run(self) -> None:
        """Look at every account that there is or was."""
        span = ACCOUNT_ENTRIES.under()
        while found := await self._sealed.scan(ACCOUNT_ENTRIES, span, limit=BATCH):
            for one in found:
                if lost(one.value, self._world.clock()):
                    await self._remove(one.id)
            span = span.after(found[-1].key)

    async def _remove(self, unique_id: str) -> None:
        tx, now = self._sealed.transaction(), self._world.clock()
        entry = await tx.get(ACCOUNT_ENTRIES, unique_id)
        if entry is None or not lost(entry, now):
            return
        for key in entry.keys:
            tx.delete(KEYS, key)
        tx.delete(ACCOUNT_ENTRIES, unique_id)
        tx.append(FEED, encode(_leaf(unique_id, entry, now)))
        try:
            await tx.commit()
        except Conflict:
            _log.info("The deleted account %s changed meanwhile; it is looked at again.", unique_id)


def _leaf(unique_id: str, entry: AccountEntry, now: int) -> Leaf:
    return Leaf(
        kind=OUTCOME,
        time=now,
        request="due",
        method="iam.projects.serviceAccounts.remove",
        permission="",
        principal=_AGENT,
        resource=account_name(entry.project, entry.email).name,
        remote="local",
        status=200,
        facts={"serviceAccount": entry.email, "uniqueId": unique_id},
    )
