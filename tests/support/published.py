"""Wycheproof's vectors through the API, for keys wherever they live: in software, in a token."""

from __future__ import annotations

from rempart.core.errors import Code
from support.cloud_kms import b64
from support.importer import Importer
from support.vectors import Case, wycheproof


def hexed(case: Case, name: str) -> str:
    return b64(case.bytes(name))


async def aes_gcm_opens_what_is_right_and_nothing_else(importer: Importer) -> None:
    seen = 0
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


async def oaep_opens_what_is_right_and_nothing_else(
    importer: Importer, bits: int, digest: int
) -> None:
    seen = 0
    for case in wycheproof(f"rsa_oaep_{bits}_sha{digest}_mgf1sha{digest}"):
        material = bytes.fromhex(case.group["privateKeyPkcs8"])
        version = await importer.version(f"RSA_DECRYPT_OAEP_{bits}_SHA{digest}", material)
        document = {"ciphertext": hexed(case, "ct")}
        answer = await importer.answer("asymmetricDecrypt", version, document)
        seen += 1
        if case.valid and not case.test["label"]:
            assert answer["plaintext"] == hexed(case, "msg"), case.id
        else:
            assert answer is Code.INVALID_ARGUMENT, case.id
    assert seen >= 36


async def pkcs1_signatures_are_the_published_ones(importer: Importer, bits: int) -> None:
    seen = 0
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
