"""Histories that no witness may cosign, more than ten thousand, all signed by the log's key."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.note import sign_note
from rempart.tlog.submission import Submission
from rempart.tlog.tree import leaf_hash
from rempart.witness.judge import Refusal, Verdict, check
from support.paper_log import ORIGIN, PaperLog

FORGED = 10_500
LOG = PaperLog()
SIZE = len(LOG.leaves)
CHECKPOINTS = [LOG.checkpoint(size) for size in range(SIZE + 1)]
FORKS = [LOG.forked(at) for at in range(SIZE)]
KEYS = [LOG.signer.key]
Forged = tuple[str, Submission, Checkpoint]


def _rewritten(dice: random.Random, leaves: list[bytes]) -> PaperLog:
    return PaperLog(ORIGIN, tuple(leaves), LOG.seed)


def _fork(dice: random.Random) -> Forged:
    """From a leaf on, another history, with the best proof that the forger's own tree has."""
    old = dice.randrange(1, SIZE)
    other = FORKS[dice.randrange(old)]
    return "fork", other.submission(old, dice.randrange(old + 1, SIZE + 1)), CHECKPOINTS[old]


def _altered(dice: random.Random) -> Forged:
    old = dice.randrange(1, SIZE)
    leaves = list(LOG.leaves)
    leaves[dice.randrange(old)] = leaf_hash(b"altered")
    forged = _rewritten(dice, leaves).submission(old, dice.randrange(old + 1, SIZE + 1))
    return "altered leaf", forged, CHECKPOINTS[old]


def _reordered(dice: random.Random) -> Forged:
    old = dice.randrange(2, SIZE)
    leaves = list(LOG.leaves)
    one = dice.randrange(old - 1)
    leaves[one], leaves[one + 1] = leaves[one + 1], leaves[one]
    forged = _rewritten(dice, leaves).submission(old, dice.randrange(old + 1, SIZE + 1))
    return "reorder", forged, CHECKPOINTS[old]


def _truncated(dice: random.Random) -> Forged:
    """Leaves are taken out, and others appended, until the tree is larger again."""
    old = dice.randrange(1, SIZE - 1)
    leaves = list(LOG.leaves)
    del leaves[dice.randrange(old)]
    forged = _rewritten(dice, leaves).submission(old, dice.randrange(old + 1, SIZE))
    return "truncation", forged, CHECKPOINTS[old]


def _rolled_back(dice: random.Random) -> Forged:
    latest = dice.randrange(2, SIZE + 1)
    old = dice.randrange(latest)
    return "rollback", LOG.submission(old, dice.randrange(old, latest)), CHECKPOINTS[latest]


def _same_size(dice: random.Random) -> Forged:
    size = dice.randrange(1, SIZE + 1)
    other = FORKS[dice.randrange(size)]
    old = dice.choice([size, dice.randrange(size)])
    return "same size", other.submission(old, size), CHECKPOINTS[size]


def _bad_proof(dice: random.Random) -> Forged:
    old = dice.randrange(1, SIZE)
    true = LOG.submission(old, dice.randrange(old + 1, SIZE + 1))
    proof = list(true.proof)
    at = dice.randrange(len(proof))
    number = int.from_bytes(proof[at], "big") ^ (1 << dice.randrange(256))
    changed = [
        (*proof[:at], number.to_bytes(32, "big"), *proof[at + 1 :]),
        (*proof[:at], *proof[at + 1 :]),
        (*proof, proof[at]),
        (*proof[1:], proof[0]) if len(set(proof)) > 1 else (),
        (),
    ]
    return "bad proof", Submission(old, dice.choice(changed), true.note), CHECKPOINTS[old]


def _other_root(dice: random.Random) -> Forged:
    """The true proof, and a root that is none."""
    old = dice.randrange(1, SIZE)
    size = dice.randrange(old + 1, SIZE + 1)
    text = Checkpoint(ORIGIN, size, dice.randbytes(32)).text
    note = sign_note(text, [LOG.signer], 0)
    return "other root", Submission(old, LOG.proof(old, size), note), CHECKPOINTS[old]


MAKERS = [
    _fork, _altered, _reordered, _truncated, _rolled_back, _same_size, _bad_proof, _other_root,
]  # fmt: skip


def _forged() -> Iterator[Forged]:
    dice = random.Random(6962)
    for number in range(FORGED):
        yield MAKERS[number % len(MAKERS)](dice)


def test_more_than_ten_thousand_forged_histories_are_all_refused() -> None:
    refused: Counter[str] = Counter()
    for kind, submission, latest in _forged():
        with pytest.raises(Refusal) as caught:
            check(submission, parse_checkpoint(submission.note.text), KEYS, latest)
        assert caught.value.verdict in {Verdict.CONFLICT, Verdict.BAD_PROOF}, kind
        assert caught.value.fork == (kind == "same size")
        refused[kind] += 1
    assert sum(refused.values()) == FORGED
    assert len(refused) == len(MAKERS)


def test_every_step_of_a_true_history_is_cosigned() -> None:
    for old in range(SIZE):
        for size in range(old, SIZE + 1):
            latest = CHECKPOINTS[old] if old else None
            check(LOG.submission(old, size), CHECKPOINTS[size], KEYS, latest)
