"""Makes a checkpoint that may be published: signed by the log, cosigned by its witnesses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from rempart.core.clock import Clock
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.errors import Refuted
from rempart.tlog.keys import Signature, Signer
from rempart.tlog.note import Note, sign_note
from rempart.tlog.policy import Policy
from rempart.tlog.proving import Proof

_SECOND = 1_000_000
_log = logging.getLogger(__name__)

Prove = Callable[[int, int], Awaitable[Proof]]
"""Returns the proof that the tree of the second size begins with that of the first."""


class Cosigners(Protocol):
    """The witnesses, asked all at once."""

    async def cosign(self, note: Note, old: int, prove: Prove) -> Sequence[Signature]:
        """Return the cosignatures that were given and hold; none from who does not answer."""


class Notary:
    """Signs for one log; `policy` says whose cosignatures a published checkpoint has."""

    def __init__(
        self,
        signer: Signer,
        clock: Clock,
        policy: Policy | None = None,
        cosigners: Cosigners | None = None,
    ) -> None:
        self._signer = signer
        self._clock = clock
        self._policy = policy
        self._cosigners = cosigners
        self.lacking = ""
        """Why the newest checkpoint could not be published; empty where it was."""

    @property
    def origin(self) -> str:
        """Return what the log is called."""
        return self._signer.key.name

    async def note(self, size: int, root: bytes, *, old: int, prove: Prove) -> Note | None:
        """Return the checkpoint of a tree, None while it lacks its quorum.

        `old` is the size that witnesses saw last, as far as is known.
        """
        text = Checkpoint(self.origin, size, root).text
        note = sign_note(text, (self._signer,), self._clock() // _SECOND)
        if self._cosigners is not None:
            note = note.with_signatures(await self._cosigners.cosign(note, old, prove))
        return note if self._believed(note) else None

    def _believed(self, note: Note) -> bool:
        """Tell whether the policy believes a checkpoint; where it does not, say it once."""
        try:
            if self._policy is not None:
                self._policy.check(note)
        except Refuted as problem:
            if not self.lacking:
                _log.error("No checkpoint is published: %s", problem)
            self.lacking = str(problem)
            return False
        self.lacking = ""
        return True
