"""Notes, keys and cosignatures: the published examples, and what else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import Algorithm, Signature, Signer, parse_verifier_key, seeded_signer
from rempart.tlog.note import SIGNATURES_MAX, parse_note, sign_note
from rempart.tlog.text import decode_base64

# golang.org/x/mod/sumdb/note's own tests.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = decode_base64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = (
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqd"
    "ngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "\u2014 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWL"
    "ox33WWd1RvMc+QQ=\n"
)
# C2SP tlog-checkpoint's and tlog-cosignature's example.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zh"
    "cyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJs"
    "X3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
CHECKPOINT = Checkpoint("log.example/a", 7, bytes(range(32)))
COSIGNERS = [Algorithm.COSIGNATURE_ED25519, Algorithm.COSIGNATURE_ML_DSA_44]


def test_the_published_key_signs_the_published_note() -> None:
    signer = seeded_signer("PeterNeumann", Algorithm.ED25519, PETER_SEED)
    assert signer.key.text == PETER
    assert signer.key == parse_verifier_key(PETER)
    assert sign_note(TEXT, [signer], 0).encode().decode() == f"{TEXT}\n{PETER_LINE}"


def test_signatures_of_unknown_keys_are_ignored() -> None:
    note = parse_note(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}".encode())
    peter, enoch = parse_verifier_key(PETER), parse_verifier_key(ENOCH)
    assert [it.key for it in note.opened([peter])] == [peter]
    assert [it.key for it in note.opened([peter, enoch])] == [peter, enoch]
    with pytest.raises(Refuted):
        note.opened([])


def test_a_repeated_signature_counts_once() -> None:
    note = parse_note(f"{TEXT}\n{PETER_LINE * 3}".encode())
    assert len(note.opened([parse_verifier_key(PETER)])) == 1
    assert note.with_signatures(note.signatures).signatures == note.signatures[:1]


def test_a_false_signature_of_a_known_key_refutes_the_note() -> None:
    bad = PETER_LINE[:60] + "ABCD" + PETER_LINE[60:]
    note = parse_note(f"{TEXT}\n{ENOCH_LINE}{bad}".encode())
    with pytest.raises(Refuted):
        note.opened([parse_verifier_key(PETER), parse_verifier_key(ENOCH)])


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{PETER_LINE[:-1]}",
        f"\x01{TEXT}\n{PETER_LINE}",
        f"\r{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n\u2014 Bad Name {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n\u2014 Bad+Name {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n\u2014 PeterNeumann AAAAAA==\n",
        f"{TEXT}\n\u2014 PeterNeumann \n",
        f"{TEXT}\n- PeterNeumann {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{TEXT}\n{PETER_LINE}\n",
        f"{TEXT}{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE * (SIGNATURES_MAX + 1)}",
        "",
        "\n",
    ],
)
def test_what_is_not_a_note_is_refused(note: str) -> None:
    with pytest.raises(Malformed):
        parse_note(note.encode())


def test_a_note_that_is_not_utf_8_or_too_long_is_refused() -> None:
    for note in (b"\xff" + f"{TEXT}\n{PETER_LINE}".encode(), b"a" * 1_000_001):
        with pytest.raises(Malformed):
            parse_note(note)


def test_no_part_and_no_mangling_of_a_verifier_key_is_a_key() -> None:
    parts = {PETER[i:j] for i in range(len(PETER)) for j in range(i, len(PETER) + 1)} - {PETER}
    bumped = {PETER[:i] + chr(ord(it) + 1) + PETER[i + 1 :] for i, it in enumerate(PETER)}
    wrong_length = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="
    unknown_type = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    for text in parts | bumped | {wrong_length, unknown_type, PETER.replace("c74f", "C74F"), ""}:
        with pytest.raises(Malformed):
            parse_verifier_key(text)


def test_the_example_checkpoint_is_read_as_it_stands() -> None:
    note = parse_note(EXAMPLE.encode())
    assert note.encode().decode() == EXAMPLE
    seen = parse_checkpoint(note.text)
    assert (seen.origin, seen.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert seen.text == note.text
    assert [it.name for it in note.signatures] == [seen.origin, "witness.example.com/w1"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n+1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1 \nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n9223372036854775808\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nx\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "a\r\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n\u0661\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(text)


@pytest.mark.parametrize("algorithm", COSIGNERS)
def test_a_cosignature_says_when_and_holds_for_nothing_else(algorithm: Algorithm) -> None:
    signer = seeded_signer("witness.example/w1", algorithm, b"w" * 32)
    assert parse_verifier_key(signer.key.text) == signer.key
    note = sign_note(CHECKPOINT.text, [signer], 1_679_315_147)
    (verified,) = parse_note(note.encode()).opened([signer.key])
    assert verified.seconds == 1_679_315_147
    (signature,) = note.signatures
    for text in (
        Checkpoint("log.example/b", 7, CHECKPOINT.root).text,
        Checkpoint("log.example/a", 8, CHECKPOINT.root).text,
        Checkpoint("log.example/a", 7, bytes(32)).text,
        "not a checkpoint\n",
    ):
        with pytest.raises(Refuted):
            signer.key.check(text, signature)
    for at in (0, 7, 8, 40, len(signature.content) - 1):
        content = bytearray(signature.content)
        content[at] ^= 1
        with pytest.raises(Refuted):
            signer.key.check(note.text, Signature(signature.name, signature.key_id, bytes(content)))


def _message(algorithm: Algorithm, text: str, seconds: int) -> bytes:
    """Return what a cosigner's private key is asked to sign."""
    signed: list[bytes] = []

    def sign(message: bytes) -> bytes:
        signed.append(message)
        return b"signature"

    Signer(seeded_signer("w/1", algorithm, b"w" * 32).key, sign).signature(text, seconds)
    (message,) = signed
    return message


def test_an_ed25519_cosignature_signs_the_message_of_the_specification() -> None:
    text = parse_note(EXAMPLE.encode()).text
    assert _message(Algorithm.COSIGNATURE_ED25519, text, 1_679_315_147) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_an_ml_dsa_cosignature_signs_the_structure_of_the_specification() -> None:
    message = _message(Algorithm.COSIGNATURE_ML_DSA_44, CHECKPOINT.text + "extension\n", 5)
    expected = b"subtree/v1\n\x00" + b"\x03w/1" + (5).to_bytes(8, "big") + b"\x0dlog.example/a"
    expected += bytes(8) + (7).to_bytes(8, "big") + CHECKPOINT.root
    assert message == expected


def test_a_cosigner_says_nothing_about_what_is_no_checkpoint() -> None:
    for algorithm in COSIGNERS:
        with pytest.raises(Malformed):
            seeded_signer("w", algorithm, b"w" * 32).signature(TEXT, 0)


def test_the_latest_of_a_witness_s_cosignatures_is_told() -> None:
    signer = seeded_signer("w", Algorithm.COSIGNATURE_ED25519, b"w" * 32)
    lines = "".join(signer.signature(CHECKPOINT.text, it).line for it in (5, 9, 7))
    (verified,) = parse_note(f"{CHECKPOINT.text}\n{lines}".encode()).opened([signer.key])
    assert verified.seconds == 9


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_malformed(content: bytes) -> None:
    try:
        note = parse_note(content)
    except Malformed:
        return
    assert note.encode() == content


@given(bit=st.integers(0, (len(f"{TEXT}\n{PETER_LINE}".encode()) * 8) - 1))
def test_every_bit_of_a_note_counts(bit: int) -> None:
    content = bytearray(f"{TEXT}\n{PETER_LINE}".encode())
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises((Malformed, Refuted)):
        parse_note(bytes(content)).opened([parse_verifier_key(PETER)])
