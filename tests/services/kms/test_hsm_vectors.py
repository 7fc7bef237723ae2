"""Wycheproof's vectors against keys in a token: each key is imported as a customer imports it."""

from __future__ import annotations

import pytest

from rempart.core.errors import Code
from support.cloud_kms import b64
from support.importer import Importer
from support.softhsm import SoftHSM, softhsm
from support.vectors import Case, wycheproof

__all__ = ["softhsm"]


def hexed(case: Case, name: str) -> str:
    return b64(case.bytes(name))


async def test_aes_gcm_opens_what_is_right_and_nothing_else(softhsm: SoftHSM) -> None:
    importer, seen = await Importer.start("RAW_ENCRYPT_DECRYPT", softhsm.config), 0
    for case in wycheproof("aes_gcm"):
        bits = len(case.bytes("key")) * 8
        if bits == 192:
            continue
        version = await importer.version(f"AES_{bits}_GCM", case.bytes("key"))
        document = {
            "ciphertext": b64(case.bytes("ct") + case.bytes("tag")),
            "additionalAuthenticatedData": hexed(case, "aad"),
            "initializationVector": hexed(case, "iv"),
        }
        answer = await importer.answer("rawDecrypt", version, document)
        seen += 1
        if case.valid and len(case.bytes("iv")) == 12:
            assert answer["plaintext"] == hexed(case, "msg"), case.id
        else:
            assert answer is Code.INVALID_ARGUMENT, case.id
    assert seen == 213


async def test_oaep_opens_what_is_right_and_nothing_else(softhsm: SoftHSM) -> None:
    importer, seen = await Importer.start("ASYMMETRIC_DECRYPT", softhsm.config), 0
    for case in wycheproof("rsa_oaep_2048_sha1_mgf1sha1"):
        material = bytes.fromhex(case.group["privateKeyPkcs8"])
        version = await importer.version("RSA_DECRYPT_OAEP_2048_SHA1", material)
        document = {"ciphertext": hexed(case, "ct")}
        answer = await importer.answer("asymmetricDecrypt", version, document)
        seen += 1
        if case.valid and not case.test["label"]:
            assert answer["plaintext"] == hexed(case, "msg"), case.id
        else:
            assert answer is Code.INVALID_ARGUMENT, case.id
    assert seen >= 36


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
async def test_pkcs1_signatures_are_the_published_ones(softhsm: SoftHSM, bits: int) -> None:
    importer, seen = await Importer.start("ASYMMETRIC_SIGN", softhsm.config), 0
    for case in wycheproof(f"rsa_pkcs1_{bits}_sig_gen"):
        digest = case.group["sha"].replace("-", "")
        if (bits, digest) not in {(2048, "SHA256"), (3072, "SHA256"), (4096, "SHA512")}:
            continue
        material = bytes.fromhex(case.group["privateKeyPkcs8"])
        version = await importer.version(f"RSA_SIGN_PKCS1_{bits}_{digest}", material)
        answer = await importer.answer("asymmetricSign", version, {"data": hexed(case, "msg")})
        seen += 1
        assert answer["signature"] == hexed(case, "sig"), case.id
    assert seen >= 7
