"""What a witness cosigns: the whole decision, without I/O (C2SP tlog-witness, `add-checkpoint`)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from rempart.tlog.checking import check_consistency
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.errors import Refuted
from rempart.tlog.keys import VerifierKey
from rempart.tlog.submission import Submission
from rempart.tlog.tree import EMPTY_ROOT


class Verdict(Enum):
    """Why a checkpoint is not cosigned, with the HTTP status that says so."""

    BAD_REQUEST = 400
    BAD_SIGNATURE = 403
    UNKNOWN_LOG = 404
    CONFLICT = 409
    BAD_PROOF = 422


class Refusal(Exception):  # noqa: N818 - it is named for what it is
    """A checkpoint is not cosigned.

    `size` is that of the latest checkpoint where the submitter's view of it is at fault. `fork`
    says that the log itself signed two roots of one size.
    """

    def __init__(
        self, verdict: Verdict, message: str, size: int | None = None, *, fork: bool = False
    ) -> None:
        super().__init__(message)
        self.verdict = verdict
        self.message = message
        self.size = size
        self.fork = fork


def check(
    submission: Submission,
    seen: Checkpoint,
    keys: Iterable[VerifierKey],
    latest: Checkpoint | None,
) -> None:
    """Check that the checkpoint `seen` may be cosigned after `latest`; raises `Refusal`.

    `keys` are those trusted for its origin; `latest` is what was cosigned last, None if nothing.
    """
    _check_signature(submission, keys)
    size, root = (latest.size, latest.root) if latest else (0, EMPTY_ROOT)
    if submission.old > seen.size:
        raise Refusal(Verdict.BAD_REQUEST, "The old size is larger than the checkpoint's.")
    if latest is not None and seen.size == size and seen.root != root:
        raise Refusal(
            Verdict.CONFLICT, f"Another root of size {size} was cosigned.", size, fork=True
        )
    if submission.old != size:
        raise Refusal(Verdict.CONFLICT, f"The latest size cosigned is {size}.", size)
    try:
        check_consistency(size, seen.size, root, seen.root, submission.proof)
    except Refuted as problem:
        raise Refusal(Verdict.BAD_PROOF, str(problem)) from None


def _check_signature(submission: Submission, keys: Iterable[VerifierKey]) -> None:
    trusted = list(keys)
    if not trusted:
        raise Refusal(Verdict.UNKNOWN_LOG, "The log is not one that this witness knows.")
    try:
        submission.note.opened(trusted)
    except Refuted as problem:
        raise Refusal(Verdict.BAD_SIGNATURE, str(problem)) from None
