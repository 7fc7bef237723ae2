"""Whether register and log tell the same: no order is lost, changed, or told as something else."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from rempart.services.foreignrequests.kinds import ORDER
from rempart.services.foreignrequests.sealing import SEALED, TOLD
from rempart.tlog.commitment import commitment
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.witness.leaf import FEED, OUTCOME, Leaf

ENTERED = "foreignrequests.orders.enter"


@dataclass(frozen=True, slots=True)
class Compared:
    """How many orders the log tells of, how many are told to customers, and what is wrong."""

    total: int
    told: int
    faults: tuple[str, ...]


class Ledger:
    """The orders that the log tells of."""

    def __init__(self) -> None:
        self._entered: dict[str, str] = {}
        self._sealed: set[tuple[str, str]] = set()
        self._told: list[Leaf] = []

    def note(self, leaf: Leaf) -> None:
        """Take in a leaf."""
        facts = leaf.facts
        if leaf.method == ENTERED and leaf.kind == OUTCOME and "digest" in facts:
            self._entered[facts["order"]] = facts["digest"]
        elif leaf.method == SEALED:
            self._sealed.add((facts["order"], facts["customer"]))
        elif leaf.method == TOLD:
            self._told.append(leaf)

    async def compared(self, sealed: SealedEngine) -> Compared:
        """Compare what the log tells with the register, and each telling with what was sealed."""
        faults = [*await self._register(sealed), *await self._tellings(sealed)]
        told = len({leaf.facts["order"] for leaf in self._told})
        return Compared(len(self._entered), told, tuple(faults))

    async def _register(self, sealed: SealedEngine) -> list[str]:
        faults, kept = list[str](), dict[str, str]()
        told = {(leaf.facts["order"], leaf.container) for leaf in self._told}
        async for found in scanned(sealed, ORDER, ORDER.under()):
            order = found.value
            kept[found.id] = order.facts.digest
            customers = {(found.id, one.customer) for one in order.sealed}
            opened = {(found.id, one.customer) for one in order.sealed if one.index >= 0}
            if not customers <= self._sealed:
                faults.append(f"order {found.id} names a customer of whom the log has no entry")
            if not opened <= told:
                faults.append(f"order {found.id} is said to be told, and the log has it not")
        for id_, digest in self._entered.items():
            if id_ not in kept:
                faults.append(f"order {id_} is in the log and not in the register")
            elif kept[id_] != digest:
                faults.append(f"order {id_} is not as it was entered")
        return [
            *faults,
            *(
                f"order {one} was never entered"
                for one in sorted(kept.keys() - self._entered.keys())
            ),
        ]

    async def _tellings(self, sealed: SealedEngine) -> list[str]:
        return [
            f"what {leaf.container} was told of order {leaf.facts['order']} is not what was sealed"
            for leaf in self._told
            if not await _opens(sealed, leaf)
        ]


async def _opens(sealed: SealedEngine, leaf: Leaf) -> bool:
    facts = leaf.facts
    try:
        index, salt = int(facts["index"]), base64.b64decode(facts["salt"], validate=True)
    except (KeyError, ValueError, binascii.Error):
        return False
    found = await sealed.entries(FEED, index, limit=1)
    return bool(found) and found[0].commitment == commitment(salt, facts["leaf"].encode())
