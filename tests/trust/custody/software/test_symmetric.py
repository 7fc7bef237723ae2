"""GOOGLE_SYMMETRIC_ENCRYPTION: the format of docs/spec/kms-ciphertext.md, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import Bug
from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.header import version_of
from rempart.trust.custody.software.key import AAD_BYTES_MAX, PLAINTEXT_BYTES_MAX
from rempart.trust.custody.software.symmetric import SymmetricKey

_VECTORS = Path(__file__).parents[4] / "docs/spec/vectors"
OURS: dict[str, Any] = json.loads((_VECTORS / "kms-ciphertext.json").read_text())
PUBLISHED: dict[str, Any] = json.loads((_VECTORS / "cobblestone-256.json").read_text())
KEY, VERSION, AAD = bytes(range(32)), b"version1", b"resource"
CHUNK_BYTES = 16 * 1024


def by_the_page(key: bytes, version: bytes, salt: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Seal with nothing but what the page says."""
    header = b"\x01" + version
    context = b"rempart.kms.v1\x00" + header + aad
    label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
    keys = HKDFExpand(SHA512(), 76, label + salt + context).derive(key)
    cipher, base = AESGCM(keys[:32]), int.from_bytes(keys[32:44], "big")
    chunks = (
        cipher.encrypt(
            (base ^ index).to_bytes(12, "big"),
            plaintext[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES],
            b"",
        )
        for index in range(len(plaintext) // CHUNK_BYTES + 1)
    )
    return header + salt + keys[44:] + b"".join(chunks)


def plain(length: int) -> bytes:
    return bytes(index % 251 for index in range(length))


@pytest.mark.parametrize("vector", OURS["vectors"], ids=lambda it: str(it["length"]))
def test_our_vectors_open_and_are_what_the_page_says(vector: dict[str, Any]) -> None:
    key, version, salt = (bytes.fromhex(OURS[name]) for name in ("key", "version", "salt"))
    aad = bytes.fromhex(vector["aad"])
    sealed = by_the_page(key, version, salt, plain(vector["length"]), aad)

    assert sealed.startswith(bytes.fromhex(vector["begins"]))
    assert hashlib.sha256(sealed).hexdigest() == vector["sha256"]
    assert len(sealed) == 81 + vector["length"] + 16 * (vector["length"] // CHUNK_BYTES)
    assert version_of(sealed) == version
    assert SymmetricKey(key).decrypt(sealed, aad) == plain(vector["length"])


def test_what_we_seal_is_what_the_page_says() -> None:
    for length in (0, 32, CHUNK_BYTES - 1, CHUNK_BYTES, PLAINTEXT_BYTES_MAX):
        sealed = SymmetricKey(KEY).encrypt(plain(length), AAD, VERSION)

        assert sealed == by_the_page(KEY, VERSION, sealed[9:33], plain(length), AAD)


@pytest.mark.parametrize("vector", PUBLISHED["vectors"], ids=lambda it: str(it["id"]))
def test_the_librarys_cobblestone_keeps_the_published_vectors(vector: dict[str, Any]) -> None:
    key, context = bytes.fromhex(PUBLISHED["key"]), bytes.fromhex(vector["context"])
    sealed = zlib.decompress(bytes.fromhex(vector["ciphertext"]))
    opener = Cobblestone256Decryptor(key, context)

    if vector["length"] is None:
        with pytest.raises(InvalidTag):
            opener.update(sealed) + opener.finalize()
    else:
        opened = opener.update(sealed) + opener.finalize()
        assert len(opened) == vector["length"]
        assert hashlib.sha512(opened).hexdigest() == vector["sha512"]


@given(
    key=st.binary(min_size=32, max_size=32),
    version=st.binary(min_size=8, max_size=8),
    plaintext=st.binary(max_size=300),
    aad=st.binary(max_size=300),
)
def test_what_is_sealed_opens_and_tells_its_version(
    key: bytes, version: bytes, plaintext: bytes, aad: bytes
) -> None:
    sealed = SymmetricKey(key).encrypt(plaintext, aad, version)

    assert version_of(sealed) == version
    assert SymmetricKey(key).decrypt(sealed, aad) == plaintext


def test_the_same_plaintext_is_never_sealed_alike() -> None:
    assert len({SymmetricKey(KEY).encrypt(b"x", AAD, VERSION) for _ in range(100)}) == 100


def test_any_flipped_bit_of_a_short_ciphertext_is_refused() -> None:
    sealed = SymmetricKey(KEY).encrypt(b"a data key", AAD, VERSION)

    for bit in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            SymmetricKey(KEY).decrypt(bytes(altered), AAD)


def test_flipped_bytes_all_over_a_long_ciphertext_are_refused() -> None:
    sealed = SymmetricKey(KEY).encrypt(plain(PLAINTEXT_BYTES_MAX), AAD, VERSION)

    for at in [*range(0, len(sealed), 1021), len(sealed) - 1]:
        altered = bytearray(sealed)
        altered[at] ^= 0x80
        with pytest.raises(Tampered):
            SymmetricKey(KEY).decrypt(bytes(altered), AAD)


@pytest.mark.parametrize("length", [0, 40, CHUNK_BYTES, 2 * CHUNK_BYTES + 7])
def test_cut_and_extended_ciphertexts_are_refused(length: int) -> None:
    sealed = SymmetricKey(KEY).encrypt(plain(length), AAD, VERSION)
    cuts = [*range(min(len(sealed), 130)), len(sealed) - 1]
    borders = range(65, len(sealed), CHUNK_BYTES + 16)

    for cut in {*cuts, *borders}:
        with pytest.raises(Tampered):
            SymmetricKey(KEY).decrypt(sealed[:cut], AAD)
    for more in (b"\0", bytes(16), sealed[65:]):
        with pytest.raises(Tampered):
            SymmetricKey(KEY).decrypt(sealed + more, AAD)


def test_another_key_or_other_additional_data_is_refused() -> None:
    sealed = SymmetricKey(KEY).encrypt(b"secret", AAD, VERSION)

    with pytest.raises(Tampered):
        SymmetricKey(KEY[::-1]).decrypt(sealed, AAD)
    for other in (b"", AAD[:-1], AAD + b"\0", os.urandom(8)):
        with pytest.raises(Tampered):
            SymmetricKey(KEY).decrypt(sealed, other)


def test_a_byte_does_not_move_between_version_and_additional_data() -> None:
    sealed = SymmetricKey(KEY).encrypt(b"secret", b"1" + AAD, VERSION)

    with pytest.raises(Tampered):
        SymmetricKey(KEY).decrypt(b"\x01" + VERSION[1:] + b"1" + sealed[9:], AAD)


def test_the_limits_are_googles() -> None:
    key = SymmetricKey(KEY)
    most = key.encrypt(bytes(PLAINTEXT_BYTES_MAX), bytes(AAD_BYTES_MAX), VERSION)

    assert key.decrypt(most, bytes(AAD_BYTES_MAX)) == bytes(PLAINTEXT_BYTES_MAX)
    with pytest.raises(Unfit, match="65537 bytes; at most 65536"):
        key.encrypt(bytes(PLAINTEXT_BYTES_MAX + 1), b"", VERSION)
    with pytest.raises(Unfit, match="additional authenticated data"):
        key.encrypt(b"", bytes(AAD_BYTES_MAX + 1), VERSION)
    with pytest.raises(Unfit, match="additional authenticated data"):
        key.decrypt(most, bytes(AAD_BYTES_MAX + 1))


def test_what_is_no_ciphertext_tells_no_version() -> None:
    for wrong in (b"", b"\x01", b"\x01" + VERSION[:-1], b"\x00" + VERSION, VERSION + bytes(99)):
        with pytest.raises(Tampered):
            version_of(wrong)


def test_a_version_of_another_length_is_a_bug_of_ours() -> None:
    with pytest.raises(Bug):
        SymmetricKey(KEY).encrypt(b"", b"", b"short")
