"""Grows the tree over the log and publishes checkpoints of it, beside the answers.

The log is the sequence: a line counts here once it is durable, and never changes. The tree is a
function of the lines and of the sealed seed, so a manager that is killed at any point comes to the
same tree, and cannot fork, skip or repeat. What lies on disk of it is only believed under a root
that this log's key has signed, and of which the last entry is the log's own line there: its hash
says what came before it.

In order: read lines, write the tree, sign it, have witnesses cosign, publish. No answer waits for
any of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from rempart.cosigners.notary import Notary
from rempart.ekm.record.following import Follower
from rempart.ekm.record.segments import LogBroken
from rempart.ekm.tree.files import CHECKPOINT, HEAD, TreeFiles
from rempart.ekm.tree.secret import Salts
from rempart.tlog.checking import check_consistency
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.growth import Growth
from rempart.tlog.note import Note
from rempart.tlog.proving import Proof, plan_consistency, plan_root
from rempart.tlog.tree import EMPTY_ROOT, leaf_hash

EVERY_SECONDS = 1.0
"""How often new lines are looked for, and so how far a checkpoint is behind."""

PAGE = 500
"""Lines that are taken up at once: some milliseconds, in which an answer may wait."""

PAGES_A_WRITE = 100

_log = logging.getLogger("rempart.ekm")


class Diverged(Exception):  # noqa: N818 - it is named for what was found
    """The log does not continue what was signed for: it was cut, put back or altered."""


class Sequencer:
    """The one that grows the tree. `durable` says how many of the log's lines are on disk."""

    def __init__(
        self,
        log: Path,
        files: TreeFiles,
        notary: Notary,
        salts: Salts,
        durable: Callable[[], int],
    ) -> None:
        self._log = log
        self._files = files
        self._notary = notary
        self._salts = salts
        self._durable = durable
        self._follower: Follower | None = None
        self._growth = Growth()
        self._head = Checkpoint(notary.origin, 0, EMPTY_ROOT)
        self.published: tuple[Note, Checkpoint] | None = None
        """What anybody may have; None until the tree under it was found to be the log's."""

        self.stopped = ""
        """Why nothing is signed any more; empty as long as it is."""

        self._failing = ""
        self._kept = 0

    @property
    def size(self) -> int:
        """Return the size of the largest tree that was signed."""
        return self._head.size

    @property
    def alarm(self) -> str:
        """Return what a security officer must know now; empty where all is well."""
        return "; ".join(filter(None, (self.stopped, self._notary.alarm)))

    async def run(self) -> None:
        """Work until cancelled, or until the log is found not to be what was signed for."""
        while not self.stopped:
            try:
                await self.step()
                self._failing = ""
            except OSError as problem:
                self._retry(f"The log's tree was not written; it is tried again: {problem}")
            except (Diverged, LogBroken, Malformed) as problem:
                self._stop(f"Nothing is signed of the log any more. {problem}")
            except Exception:  # noqa: BLE001 - a bug of ours: the answers go on without a tree
                _log.exception("the log's tree failed")
                self._stop("Nothing is signed of the log any more: a failure of this program.")
            await asyncio.sleep(EVERY_SECONDS)

    async def step(self) -> None:
        """Take up, sign and publish what is new; raises `Diverged` or `LogBroken`."""
        if self._follower is None:
            await self._resume()
        await self._grow(self._durable())
        self._head = Checkpoint(self._notary.origin, self._growth.size, self._growth.root())
        if self._head.size and (self.published is None or self.published[1] != self._head):
            await self._publish()

    async def _resume(self) -> None:
        """Take up the tree where it was signed last, from what is on disk or from the log."""
        found = [self._files.note(name, self._notary.key) for name in (HEAD, CHECKPOINT)]
        signed = max((it[1] for it in found if it), key=lambda it: it.size, default=self._head)
        count = self._durable()
        if count < signed.size:
            raise Diverged(f"It has {count} entries, and {signed.size} were signed for.")
        if not await asyncio.to_thread(self._taken_up, signed):
            await self._rebuild(signed)
        self._head = signed
        self.published = found[1] if found[1] and self._notary.believes(found[1][0]) else None

    def _taken_up(self, signed: Checkpoint) -> bool:
        """Go on from the files; tell whether they hold the log's tree as it was signed."""
        try:
            growth = Growth.resume(signed.size, self._files.tile)
            last = self._files.entries(signed.size - 1, 1)[0] if signed.size else b""
        except Malformed:
            return False
        follower = Follower.after(self._log, signed.size)
        if growth.root() != signed.root:
            return False
        if signed.size and last != self._salts.entry(signed.size - 1, follower.head.hash):
            return False
        self._growth, self._follower = growth, follower
        return True

    async def _rebuild(self, signed: Checkpoint) -> None:
        """Make the tree anew of the log's lines, as far as it was signed."""
        self.published = None
        await asyncio.to_thread(self._files.clear)
        self._growth, self._follower = Growth(), Follower.after(self._log, 0)
        await self._grow(signed.size)
        if self._growth.root() != signed.root:
            raise Diverged(f"Its first {signed.size} entries are not those that were signed for.")

    async def _grow(self, size: int) -> None:
        """Take lines up until there are so many in the tree, and write it."""
        try:
            while self._growth.size < size:
                start, entries = self._growth.size, bytearray()
                for _ in range(PAGES_A_WRITE):
                    if self._growth.size < size:
                        entries += await asyncio.to_thread(self._page, size)
                written = self._growth.written()
                await asyncio.to_thread(self._files.write, start, bytes(entries), written)
        except BaseException:
            self._follower = None  # what is on disk decides where to go on
            raise

    def _page(self, size: int) -> bytes:
        if self._follower is None:
            raise Diverged("It is not read.")
        entries = [
            self._salts.entry(line.index, line.hash)
            for line in self._follower.read(min(size, self._growth.size + PAGE))
        ]
        self._growth.append(leaf_hash(entry) for entry in entries)
        return b"".join(entries)

    async def _publish(self) -> None:
        """Have the tree signed and cosigned, and publish it once that is enough.

        Lines and tree are durable, so whatever dies now, no later start signs another.
        """
        head = self._head
        note = await self._notary.note(head.size, head.root, self.proof)
        if note is not None:
            await asyncio.to_thread(self._files.keep, CHECKPOINT, note.encode())
            self.published = note, head
        elif head.size > self._kept:
            await asyncio.to_thread(self._files.keep, HEAD, self._notary.signed(head).encode())
            self._kept = head.size

    async def proof(self, old: int, size: int) -> Proof:
        """Return the proof that the tree of `size` begins with that of `old`.

        A witness that is shown a false one takes the log for forked: so it is checked first, and a
        tree that was damaged on disk is made anew.
        """
        try:
            return await asyncio.to_thread(self._proof, old, size)
        except (Malformed, Refuted):
            self._follower = None
            await asyncio.to_thread(self._files.clear)
            raise OSError("it was damaged on disk, and is made anew") from None

    def _proof(self, old: int, size: int) -> Proof:
        proof = self._files.proof(plan_consistency(old, size), size)
        if old:
            (root,) = self._files.proof(plan_root(old), old)
            check_consistency(old, size, root, self._head.root, proof)
        return proof

    def _retry(self, problem: str) -> None:
        if problem != self._failing:
            _log.error("%s", problem)
        self._failing = problem

    def _stop(self, problem: str) -> None:
        self.stopped = problem
        _log.critical("%s", problem)
