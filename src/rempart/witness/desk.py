"""Takes checkpoints, one at a time of each log: judged, cosigned, put on disk, then answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict

from rempart.core.clock import Clock
from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.errors import Malformed
from rempart.tlog.keys import Signature, Signer, VerifierKey
from rempart.tlog.note import Note
from rempart.tlog.submission import Submission, parse_submission
from rempart.witness.history import COSIGNED, FORK, REFUSED, History, Line, line, smaller
from rempart.witness.judge import Refusal, Verdict, check
from rempart.witness.logs import LogsFile
from rempart.witness.record import Cosigned, Record

FRESH_SECONDS = 10
"""A cosignature no older than this is given again to whoever asks for the same checkpoint."""

CLOCK_BACK_SECONDS_MAX = 60
"""So far behind its own last cosignature the clock may be; beyond it, nothing is cosigned."""


class ClockBack(Exception):  # noqa: N818 - it is named for what was found
    """The clock stands before the latest cosignature: no time that it tells can be signed."""


class Desk:
    """The witness at work."""

    def __init__(
        self,
        logs: LogsFile,
        signers: tuple[Signer, ...],
        record: Record,
        history: History,
        clock: Clock,
    ) -> None:
        self._logs = logs
        self.record = record
        self._signers = signers
        self._history = history
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def add_checkpoint(self, content: bytes) -> tuple[Signature, ...]:
        """Return the cosignatures of a submitted checkpoint, which is then the latest on disk.

        Raises `Refusal`, `ClockBack` or `RecordProblem`.
        """
        try:
            submission = parse_submission(content)
            seen = parse_checkpoint(submission.note.text)
        except Malformed as problem:
            raise Refusal(Verdict.BAD_REQUEST, str(problem)) from None
        keys = self._logs.read().keys(seen.origin)
        if not keys:
            raise Refusal(Verdict.UNKNOWN_LOG, "The log is not one that this witness knows.")
        # Nothing but the end of the process comes between the check and the writing.
        return await asyncio.shield(asyncio.ensure_future(self._in_turn(submission, seen, keys)))

    async def _in_turn(
        self, submission: Submission, seen: Checkpoint, keys: tuple[VerifierKey, ...]
    ) -> tuple[Signature, ...]:
        async with self._locks[seen.origin]:
            latest = self.record.latest(seen.origin)
            note = _of_log(submission.note, keys)
            try:
                before = latest.checkpoint if latest else None
                check(submission, seen, keys, before)
            except Refusal as refusal:
                self._tell_refusal(refusal, note, seen, latest)
                raise
            now = self._now(latest)
            if latest and _covers(latest, submission, self._signers, now):
                return latest.own
            cosigned = await asyncio.to_thread(self._cosign, note, seen, now)
            return cosigned.own

    def _cosign(self, note: Note, seen: Checkpoint, seconds: int) -> Cosigned:
        own = [signer.signature(note.text, seconds) for signer in self._signers]
        cosigned = self.record.put(note.with_signatures(own))
        self._tell(line(COSIGNED, seen, seconds))
        return cosigned

    def _now(self, latest: Cosigned | None) -> int:
        now = self._clock() // 1_000_000
        if latest is None or now >= latest.seconds:
            return now
        if latest.seconds - now > CLOCK_BACK_SECONDS_MAX:
            raise ClockBack
        return latest.seconds

    def _tell_refusal(
        self, refusal: Refusal, note: Note, seen: Checkpoint, latest: Cosigned | None
    ) -> None:
        if refusal.verdict in {Verdict.UNKNOWN_LOG, Verdict.BAD_SIGNATURE}:
            return
        now = self._clock() // 1_000_000
        if latest and seen.size < latest.checkpoint.size:
            # The old size that it states may be out of date; what the log signed is smaller.
            self._tell(smaller(seen, latest.checkpoint, now, note))
        elif latest and refusal.fork:
            self._tell(line(FORK, seen, now, refusal.message, (note, latest.note)))
        elif refusal.verdict is Verdict.BAD_PROOF:
            self._tell(line(REFUSED, seen, now, refusal.message))

    def _tell(self, told: Line) -> None:
        with contextlib.suppress(OSError):  # a full disk keeps no history; the record says so
            self._history.tell(told)


def _of_log(note: Note, keys: tuple[VerifierKey, ...]) -> Note:
    """Return a note with its log's signatures alone: what others add to it is not kept."""
    return Note(note.text, tuple(it for it in note.signatures if any(k.made(it) for k in keys)))


def _covers(
    latest: Cosigned, submission: Submission, signers: tuple[Signer, ...], now: int
) -> bool:
    """Tell whether the latest cosignatures answer a request anew: no signing, no writing."""
    return (
        latest.note.text == submission.note.text
        and now - latest.seconds <= FRESH_SECONDS
        and len(latest.own) == len(signers)
    )
