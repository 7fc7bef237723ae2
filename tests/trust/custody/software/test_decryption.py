"""ASYMMETRIC_DECRYPT against Wycheproof's vectors, and what does not open."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from rempart.trust.custody.errors import Tampered, Unfit
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.importing import check_import
from rempart.trust.custody.software.key import DIGESTS, Key
from rempart.trust.custody.software.material import load
from support.key_material import key
from support.vectors import wycheproof

KEY = key("RSA_DECRYPT_OAEP_2048_SHA256")


def encrypt(whose: Key, plaintext: bytes, digest: str = "sha256", label: bytes = b"") -> bytes:
    public = load_pem_public_key(whose.public_key().pem.encode())
    assert isinstance(public, RSAPublicKey)
    return public.encrypt(plaintext, OAEP(MGF1(DIGESTS[digest]), DIGESTS[digest], label or None))


@pytest.mark.parametrize(
    ("bits", "digest", "cases"),
    [(2048, 1, 36), (2048, 256, 37), (3072, 256, 37), (4096, 256, 37), (4096, 512, 36)],
)
def test_oaep_keeps_wycheproofs_vectors(bits: int, digest: int, cases: int) -> None:
    algorithm = ALGORITHMS[f"RSA_DECRYPT_OAEP_{bits}_SHA{digest}"]
    keys: dict[str, Key] = {}
    seen = 0
    for case in wycheproof(f"rsa_oaep_{bits}_sha{digest}_mgf1sha{digest}"):
        material = case.group["privateKeyPkcs8"]
        if material not in keys:
            keys[material] = load(algorithm, check_import(algorithm, bytes.fromhex(material)))
        seen += 1
        if case.valid and not case.test["label"]:
            assert keys[material].decrypt(case.bytes("ct")) == case.bytes("msg"), case.id
        else:
            with pytest.raises(Tampered):
                keys[material].decrypt(case.bytes("ct"))
    assert seen == cases


@given(plaintext=st.binary(max_size=190))
def test_what_the_library_encrypts_opens(plaintext: bytes) -> None:
    assert KEY.decrypt(encrypt(KEY, plaintext)) == plaintext


def test_what_is_altered_cut_or_of_another_kind_does_not_open() -> None:
    sealed = encrypt(KEY, b"secret")
    altered = [bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]]) for at in range(0, 256, 5)]
    others = [encrypt(KEY, b"secret", "sha1"), encrypt(KEY, b"secret", label=b"x")]

    for wrong in [*altered, *others, b"", sealed[:-1], sealed + b"\0", b"\0" + sealed, bytes(256)]:
        with pytest.raises(Tampered):
            KEY.decrypt(wrong)


def test_it_takes_no_additional_data() -> None:
    with pytest.raises(Unfit):
        KEY.decrypt(encrypt(KEY, b"secret"), b"aad")
