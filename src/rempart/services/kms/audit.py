"""Whether Cloud KMS's documents are what the log last said of them: none more, none less.

It reads the facts that `vouched.py` writes: rings, keys, versions, import jobs, and everything else
in `VOUCHED`, with policies and states. A document that the log does not know, one that differs from
the log's last word, one that the log knows and that is not there: each is a fault.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar

from rempart.services.kms.kinds import DUE, VERSION, VOUCHED, version_name
from rempart.services.kms.model.version import State
from rempart.services.kms.vouched import DELETED, digest
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.witness.leaf import OUTCOME, Leaf

BATCH = 1000
T = TypeVar("T")
_METHODS = "cloudkms."
_DYING = (State.DESTROY_SCHEDULED, State.PENDING_EXTERNAL_DESTRUCTION)


@dataclass(frozen=True, slots=True)
class Compared:
    """How many documents there are, and what is wrong with which."""

    total: int
    faults: tuple[str, ...]


class Ledger:
    """The log's last word about each resource of Cloud KMS."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def note(self, leaf: Leaf) -> None:
        """Take in a leaf."""
        if leaf.kind != OUTCOME or not leaf.method.startswith(_METHODS):
            return
        for name, said in leaf.facts.items():
            if "/" not in name:
                continue
            if said == DELETED:
                self._last.pop(name, None)
            else:
                self._last[name] = said

    async def compared(self, sealed: SealedEngine) -> Compared:
        """Compare what is stored with what was said."""
        said, faults, total = dict(self._last), list[str](), 0
        for kind, name_of in VOUCHED:
            async for found in _each(sealed, kind):
                total += 1
                name = name_of(found.key)
                last = said.pop(name, "")
                if not last:
                    faults.append(f"{name} has no entry in the log")
                elif last != digest(kind, found.value):
                    faults.append(f"{name} is not as the log last says")
        faults += [f"{name} is in the log and not in the store" for name in said]
        return Compared(total, (*faults, *[one async for one in _forgotten(sealed)]))


async def _forgotten(sealed: SealedEngine) -> AsyncIterator[str]:
    """Return the scheduled destructions that nothing would carry out."""
    async for found in _each(sealed, VERSION):
        version, name = found.value, version_name(found.key)
        if version.state in _DYING:
            due = await sealed.find(DUE, DUE.key(version.destroy_at, *name.parts))
            if due is None:
                yield f"{name} is scheduled for destruction and not due at any time"


async def _each(sealed: SealedEngine, kind: Kind[T]) -> AsyncIterator[Found[T]]:
    span = kind.under()
    while found := await sealed.scan(kind, span, limit=BATCH):
        for one in found:
            yield one
        span = span.after(found[-1].key)
