"""Policies and proof files: quorums, bad lines by their number, and one file that stands alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import Algorithm, Signer, seeded_signer
from rempart.tlog.note import Note, sign_note
from rempart.tlog.policy import Log, Witness, parse_policy, quorum_of
from rempart.tlog.proof import LogProof, parse_proof
from rempart.tlog.proving import plan_inclusion
from rempart.tlog.tiles import reader_of
from rempart.tlog.tree import leaf_hash, root_hash

LEAVES = [leaf_hash(b"%d" % it) for it in range(9)]
CHECKPOINT = Checkpoint("log.example/a", 9, root_hash(LEAVES))
LOG = seeded_signer("log.example/a", Algorithm.ED25519, b"l" * 32)
OTHER_LOG = seeded_signer("log.example/b", Algorithm.ED25519, b"o" * 32)


def _witness(number: int) -> Signer:
    algorithm = (Algorithm.COSIGNATURE_ED25519, Algorithm.COSIGNATURE_ML_DSA_44)[number % 2]
    return seeded_signer(f"w{number}", algorithm, bytes([number]) * 32)


WITNESSES = [_witness(it) for it in range(6)]
# The specification's example, with keys.
EXAMPLE = f"""
# two organisations
log {LOG.key.text} https://log.example/a

witness X1 {WITNESSES[0].key.text}
witness\tX2 {WITNESSES[1].key.text} https://x2.example/
witness X3 {WITNESSES[2].key.text}
  group X-witnesses 2 X1 X2 X3

witness Y1 {WITNESSES[3].key.text}
witness Y2 {WITNESSES[4].key.text}
witness Y3 {WITNESSES[5].key.text}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def _signed(*witnesses: int, checkpoint: Checkpoint = CHECKPOINT, log: Signer = LOG) -> Note:
    return sign_note(checkpoint.text, [log, *(WITNESSES[it] for it in witnesses)], 1_700_000_000)


@pytest.mark.parametrize(
    ("witnesses", "enough"),
    [
        ((0, 1, 3), True),
        ((0, 2, 5), True),
        ((0, 1, 2, 3, 4, 5), True),
        ((0, 3), False),
        ((0, 1, 2), False),
        ((3, 4, 5), False),
        ((), False),
    ],
)
def test_the_quorum_of_the_example_is_two_of_three_and_one_of_three(
    witnesses: tuple[int, ...], enough: bool
) -> None:
    policy = parse_policy(EXAMPLE.encode())
    note = _signed(*witnesses)
    if not enough:
        with pytest.raises(Refuted):
            policy.check(note)
        return
    witnessed = policy.check(note)
    assert witnessed.checkpoint == CHECKPOINT
    assert {it.key for it in witnessed.cosignatures} == {WITNESSES[it].key for it in witnesses}
    assert parse_policy(policy.encode()) == policy


def test_a_log_that_is_not_believed_is_refused_however_many_witnesses_saw_it() -> None:
    policy = parse_policy(EXAMPLE.encode())
    other = Checkpoint("log.example/b", 9, CHECKPOINT.root)
    with pytest.raises(Refuted):
        policy.check(_signed(0, 1, 3, checkpoint=other, log=OTHER_LOG))
    with pytest.raises(Refuted):
        policy.check(_signed(0, 1, 3, checkpoint=other, log=LOG))
    with pytest.raises(Refuted):
        policy.check(_signed(0, 1, 3, log=OTHER_LOG))


def test_witnesses_cosign_one_checkpoint_not_another() -> None:
    forged = Checkpoint(CHECKPOINT.origin, 9, bytes(32))
    cosigned = _signed(0, 1, 3).signatures[1:]
    note = sign_note(forged.text, [LOG], 0).with_signatures(cosigned)
    with pytest.raises(Refuted):
        parse_policy(EXAMPLE.encode()).check(note)


def test_m_of_n_is_written_in_the_public_format() -> None:
    witnesses = [Witness(f"w{it}".encode(), WITNESSES[it].key) for it in range(3)]
    policy = quorum_of([Log(LOG.key)], witnesses, 2)
    policy.check(_signed(0, 2))
    with pytest.raises(Refuted):
        policy.check(_signed(0))
    quorum_of([Log(LOG.key)], [], 0).check(_signed())
    with pytest.raises(Malformed):
        quorum_of([Log(LOG.key)], witnesses, 4)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("witness none {w}", "taken"),
        ("witness a {w}\nwitness a {v}", "taken"),
        ("witness a {w}\nwitness b {w}", "there already"),
        ("witness a {l}", "not of a type"),
        ("log {w}", "not of a type"),
        ("log {l}\nlog {l}", "there already"),
        ("log", "verifier key"),
        ("log nonsense", "verifier key"),
        ("witness a", "a name"),
        ("witness a {w} url more", "a name"),
        ("group g 1 a", "not defined"),
        ("witness a {w}\ngroup g 1 a a", "member"),
        ("witness a {w}\ngroup g 1 a\ngroup h 1 a", "member"),
        ("witness a {w}\ngroup g 2 a", "threshold"),
        ("witness a {w}\ngroup g 0 a", "threshold"),
        ("witness a {w}\ngroup g 01 a", "number"),
        ("group g all", "members"),
        ("group g all none", "not defined"),
        ("quorum none", "one quorum"),
        ("quorum a b", "one quorum"),
        ("weather fair", "none of"),
        ("log {l}\r", "control"),
    ],
)
def test_a_bad_line_is_named(line: str, says: str) -> None:
    keys = {"w": WITNESSES[0].key.text, "v": WITNESSES[1].key.text, "l": LOG.key.text}
    text = f"quorum none\n{line.format(**keys)}\n"
    number = text.count("\n")
    with pytest.raises(Malformed, match=rf"(?s)Line {number} .*{says}"):
        parse_policy(text.encode())


@pytest.mark.parametrize("text", ["", "# nothing\n", "quorum none", "quorum x\n"])
def test_a_policy_without_a_whole_quorum_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_policy(text.encode())


def _proof(index: int = 5, extra: bytes | None = None) -> LogProof:
    reader = reader_of(9, lambda tile: b"".join(LEAVES[: tile.width]))
    return LogProof(index, plan_inclusion(index, 9).read(reader), _signed(0, 1, 3), extra)


@pytest.mark.parametrize("extra", [None, b"", b"age-v1.2.1"])
def test_a_proof_stands_alone_in_one_file(extra: bytes | None) -> None:
    made = _proof(extra=extra)
    assert made.encode().startswith(b"c2sp.org/tlog-proof@v1\n")
    proof = parse_proof(made.encode())
    assert proof == made
    assert proof.check(LEAVES[5], parse_policy(EXAMPLE.encode())).checkpoint == CHECKPOINT
    with pytest.raises(Refuted):
        proof.check(LEAVES[4], parse_policy(EXAMPLE.encode()))


@given(bit=st.integers(0, len(_proof().encode()) * 8 - 1))
def test_no_bit_of_a_proof_changes_unseen(bit: int) -> None:
    content = bytearray(_proof().encode())
    content[bit // 8] ^= 1 << bit % 8
    try:
        witnessed = parse_proof(bytes(content)).check(LEAVES[5], parse_policy(EXAMPLE.encode()))
    except (Malformed, Refuted):
        return
    # A signature line that no longer names a known key is ignored: what is left must be a quorum.
    assert witnessed.checkpoint == CHECKPOINT
    assert len(witnessed.cosignatures) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 5", b"index 05"),
        (b"index 5", b"index -5"),
        (b"index 5\n", b""),
        (b"index 5\n", b"index 5\nAAAA\n"),
        (b"index 5\n", b"index 5\n" + (b"A" * 43 + b"=\n") * 64),
        (b"index 5\n", b"extra !\nindex 5\n"),
        (b"index 5\n", b"extra AA==\nextra AA==\nindex 5\n"),
        (b"\n\n", b"\n"),
    ],
)
def test_what_is_not_a_proof_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(Malformed):
        parse_proof(_proof().encode().replace(old, new))
