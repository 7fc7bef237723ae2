"""RAW_ENCRYPT_DECRYPT against NIST's and Wycheproof's vectors, and what it refuses."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.clock import Random
from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.key import AAD_BYTES_MAX, PLAINTEXT_BYTES_MAX, Key
from rempart.trust.custody.software.material import load
from rempart.trust.custody.software.raw import BlockKey, GCMKey
from support.vectors import records, wycheproof

CBC_FILES = [
    f"ciphers/AES/CBC/CBC{name}{bits}.rsp"
    for name in ("GFSbox", "KeySbox", "MMT", "VarKey", "VarTxt")
    for bits in (128, 256)
]
CTR_FILES = [f"ciphers/AES/CTR/aes-{bits}-ctr.txt" for bits in (128, 256)]
NAMES = ["AES_128_GCM", "AES_256_GCM", "AES_128_CBC", "AES_256_CBC", "AES_128_CTR", "AES_256_CTR"]


def key(name: str) -> Key:
    return load(ALGORITHMS[name], bytes(range(ALGORITHMS[name].bits // 8)))


def fixed(drawn: bytes) -> Random:
    return lambda _: drawn


@pytest.mark.parametrize("bits", [128, 256])
def test_gcm_keeps_nists_vectors(bits: int) -> None:
    seen = 0
    for record in records(f"ciphers/AES/GCM/gcmDecrypt{bits}.rsp", "count"):
        value = {name: bytes.fromhex(record[name]) for name in ("key", "iv", "ct", "aad", "tag")}
        if len(value["iv"]) != 12 or len(value["tag"]) != 16:
            continue
        seen += 1
        sealed = value["ct"] + value["tag"]
        if "fail" in record:
            with pytest.raises(Tampered):
                GCMKey(value["key"]).raw_decrypt(sealed, value["iv"], value["aad"])
        else:
            plain = bytes.fromhex(record["pt"])
            ours = GCMKey(value["key"], fixed(value["iv"]))
            assert ours.raw_decrypt(sealed, value["iv"], value["aad"]) == plain
            assert ours.raw_encrypt(plain, value["aad"]) == (sealed, value["iv"])
    assert seen == 375


def test_gcm_keeps_wycheproofs_vectors() -> None:
    seen = 0
    for case in wycheproof("aes_gcm"):
        ours, sealed = GCMKey(case.bytes("key")), case.bytes("ct") + case.bytes("tag")
        seen += 1
        if len(case.bytes("iv")) != 12:
            with pytest.raises(Unfit):
                ours.raw_decrypt(sealed, case.bytes("iv"), case.bytes("aad"))
        elif case.valid:
            assert ours.raw_decrypt(sealed, case.bytes("iv"), case.bytes("aad")) == case.bytes(
                "msg"
            ), case.id
        else:
            with pytest.raises(Tampered):
                ours.raw_decrypt(sealed, case.bytes("iv"), case.bytes("aad"))
    assert seen == 316


@pytest.mark.parametrize(
    ("path", "mode"),
    [*((path, CBC) for path in CBC_FILES), *((path, CTR) for path in CTR_FILES)],
)
def test_cbc_and_ctr_keep_the_published_vectors(path: str, mode: type[CBC | CTR]) -> None:
    seen = 0
    for record in records(path, "count"):
        ours, iv = BlockKey(bytes.fromhex(record["key"]), mode), bytes.fromhex(record["iv"])
        plain, sealed = (bytes.fromhex(record[name]) for name in ("plaintext", "ciphertext"))
        seen += 1
        assert ours.raw_encrypt(plain, initialization_vector=iv) == (sealed, iv)
        assert ours.raw_decrypt(sealed, iv) == plain
    assert seen >= 3


@pytest.mark.parametrize("name", NAMES)
@given(blocks=st.integers(0, 20), aad=st.binary(max_size=40))
def test_what_is_encrypted_decrypts(name: str, blocks: int, aad: bytes) -> None:
    plain, aad = os.urandom(16 * blocks), aad if name.endswith("GCM") else b""
    sealed, iv = key(name).raw_encrypt(plain, aad)

    assert key(name).raw_decrypt(sealed, iv, aad) == plain


@pytest.mark.parametrize("name", NAMES)
def test_an_initialization_vector_is_drawn_anew_and_has_one_length(name: str) -> None:
    length = 12 if name.endswith("GCM") else 16

    drawn = {key(name).raw_encrypt(b"").initialization_vector for _ in range(50)}

    assert len(drawn) == 50
    assert {len(iv) for iv in drawn} == {length}
    for wrong in (bytes(length - 1), bytes(length + 1)):
        with pytest.raises(Unfit, match="initialization vector"):
            key(name).raw_encrypt(b"", b"", wrong)
        with pytest.raises(Unfit, match="initialization vector"):
            key(name).raw_decrypt(bytes(32), wrong)
    with pytest.raises(Unfit, match="initialization vector"):
        key(name).raw_decrypt(bytes(32), b"")


def test_gcm_takes_no_initialization_vector_so_that_none_repeats() -> None:
    with pytest.raises(Unfit, match="it draws one"):
        key("AES_256_GCM").raw_encrypt(b"", b"", bytes(12))


@pytest.mark.parametrize("name", ["AES_128_GCM", "AES_256_GCM"])
def test_gcm_refuses_every_flip_cut_and_other_additional_data(name: str) -> None:
    sealed, iv = key(name).raw_encrypt(b"a secret", b"aad")

    for bit in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            key(name).raw_decrypt(bytes(altered), iv, b"aad")
    for cut in range(len(sealed)):
        with pytest.raises(Tampered):
            key(name).raw_decrypt(sealed[:cut], iv, b"aad")
    for other in (b"", b"AAD"):
        with pytest.raises(Tampered):
            key(name).raw_decrypt(sealed, iv, other)


def test_the_tag_is_whole_whatever_is_asked_for() -> None:
    sealed, iv = key("AES_256_GCM").raw_encrypt(b"x")

    assert key("AES_256_GCM").raw_decrypt(sealed, iv, tag_length=16) == b"x"
    for length in (-1, 4, 12, 15, 17):
        with pytest.raises(Unfit, match="tag length"):
            key("AES_256_GCM").raw_decrypt(sealed, iv, tag_length=length)


@pytest.mark.parametrize("name", ["AES_128_CBC", "AES_256_CBC"])
def test_cbc_takes_whole_blocks_only(name: str) -> None:
    for length in (1, 15, 17):
        with pytest.raises(Unfit, match="multiple of 16"):
            key(name).raw_encrypt(bytes(length))
        with pytest.raises(Unfit, match="multiple of 16"):
            key(name).raw_decrypt(bytes(length), bytes(16))


@pytest.mark.parametrize("name", NAMES[2:])
def test_what_has_no_integrity_takes_no_additional_data(name: str) -> None:
    with pytest.raises(Unfit, match="no additional authenticated data"):
        key(name).raw_encrypt(bytes(16), b"aad")
    with pytest.raises(Unfit, match="no additional authenticated data"):
        key(name).raw_decrypt(bytes(16), bytes(16), b"aad")
    with pytest.raises(Unfit, match="no tag"):
        key(name).raw_decrypt(bytes(16), bytes(16), tag_length=16)


@pytest.mark.parametrize("name", NAMES)
def test_the_limits_are_googles(name: str) -> None:
    sealed, iv = key(name).raw_encrypt(bytes(PLAINTEXT_BYTES_MAX))

    assert key(name).raw_decrypt(sealed, iv) == bytes(PLAINTEXT_BYTES_MAX)
    with pytest.raises(Unfit, match="plaintext"):
        key(name).raw_encrypt(bytes(PLAINTEXT_BYTES_MAX + 16))
    with pytest.raises(Unfit, match="ciphertext"):
        key(name).raw_decrypt(sealed + bytes(16), iv)
    if name.endswith("GCM"):
        with pytest.raises(Unfit, match="additional"):
            key(name).raw_encrypt(b"", bytes(AAD_BYTES_MAX + 1))
        with pytest.raises(Unfit, match="additional"):
            key(name).raw_decrypt(sealed, iv, bytes(AAD_BYTES_MAX + 1))
