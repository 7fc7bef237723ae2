"""Makes a checkpoint that may be published: signed by the log, cosigned by its witnesses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from rempart.core.clock import Clock
from rempart.cosigners.quorum import Quorum, believed
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.keys import Signer, VerifierKey
from rempart.tlog.note import Note, sign_note
from rempart.tlog.policy import Log, Policy, quorum_of
from rempart.tlog.proving import Proof

CONTRADICTED = "Nothing is published any more: a witness has seen another log than this one."
_SECOND = 1_000_000
_log = logging.getLogger(__name__)

Prove = Callable[[int, int], Awaitable[Proof]]
"""Returns the proof that the tree of the second size begins with that of the first."""


class Notary:
    """Signs for one log; `quorum` says whose cosignatures a published checkpoint has."""

    def __init__(self, signer: Signer, clock: Clock, quorum: Quorum | None = None) -> None:
        self._signer = signer
        self._clock = clock
        self.quorum = quorum
        self.lacking = ""
        """Why the newest checkpoint could not be published; empty where it was."""

        self.policy_problem = ""
        """Why the policy in force is not the one on disk; empty where it is."""

        self.renewed = True
        """Whether nothing was published since the start, or since another policy was taken up."""

        self.alarm = ""
        """What witnesses said that have seen another log than this one; it stays until the end.

        A policy that does without them takes nothing back of it.
        """

    @property
    def origin(self) -> str:
        """Return what the log is called."""
        return self._signer.key.name

    @property
    def key(self) -> VerifierKey:
        """Return what the log's signatures are verified with."""
        return self._signer.key

    @property
    def policy(self) -> Policy:
        """Return what the operator demands of a checkpoint before it is published."""
        return self.quorum.policy if self.quorum else quorum_of((Log(self.key),), (), 0)

    def take_up(self, quorum: Quorum) -> None:
        """Demand another quorum, from the next checkpoint on."""
        before, self.quorum = self.quorum, quorum
        if before is not None:
            quorum.remember(before)
        self.renewed = True
        _log.info("Another policy says from now on what a published checkpoint has.")

    def signed(self, tree: Checkpoint) -> Note:
        """Return the checkpoint of a tree as it is shown to witnesses."""
        return sign_note(tree.text, (self._signer,), self._clock() // _SECOND)

    def believes(self, note: Note) -> bool:
        """Tell whether a checkpoint has the cosignatures that the policy wants."""
        return not believed(self.quorum, note)

    async def note(self, size: int, root: bytes, prove: Prove) -> Note | None:
        """Return the checkpoint of a tree, None while it lacks its quorum.

        Once a witness has seen another log, none: what is shown to witnesses from then on would
        only make forks, and what is published would hide what was lost.
        """
        if self.alarm:
            return None
        note = self.signed(Checkpoint(self.origin, size, root))

        async def from_size(old: int) -> Proof:
            return await prove(old, size)

        quorum = self.quorum  # another may be taken up meanwhile
        if quorum is not None:
            # At a start, and where another was named, all are heard, though some be enough: a store
            # that was put back shows to the one witness that remembers more.
            note = await quorum.cosign(note, from_size, whole=self.renewed)
            self.alarm = quorum.contradictions
        problem = f"{CONTRADICTED} {self.alarm}" if self.alarm else believed(quorum, note)
        if problem and not self.lacking:
            _log.error("No checkpoint is published: %s", problem)
        self.lacking = problem
        self.renewed = self.renewed and (bool(problem) or quorum is not self.quorum)
        return None if problem else note
