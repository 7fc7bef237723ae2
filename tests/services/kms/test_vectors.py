"""Wycheproof's vectors against the API: each key is imported as a customer imports it."""

from __future__ import annotations

import pytest

from rempart.core.errors import CloudError, Code
from support.cloud_kms import b64
from support.importer import Importer
from support.vectors import Case, wycheproof


def hexed(case: Case, name: str) -> str:
    return b64(case.bytes(name))


async def test_aes_gcm_opens_what_is_right_and_nothing_else() -> None:
    importer, seen = await Importer.start("RAW_ENCRYPT_DECRYPT"), 0
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


@pytest.mark.parametrize(("bits", "digest"), [(2048, 256), (3072, 256), (4096, 512), (2048, 1)])
async def test_oaep_opens_what_is_right_and_nothing_else(bits: int, digest: int) -> None:
    importer, seen = await Importer.start("ASYMMETRIC_DECRYPT"), 0
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


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
async def test_pkcs1_signatures_are_the_published_ones(bits: int) -> None:
    importer, seen = await Importer.start("ASYMMETRIC_SIGN"), 0
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


async def test_material_that_is_no_key_of_the_algorithm_is_refused() -> None:
    importer = await Importer.start("RAW_ENCRYPT_DECRYPT")
    for material in (bytes(16), bytes(31), bytes(64)):
        with pytest.raises(CloudError) as refusal:
            await importer.version("AES_256_GCM", material)
        assert refusal.value.code is Code.INVALID_ARGUMENT
        assert refusal.value.field == "wrappedKey"
        importer.known[("", material)] = ""


async def test_a_job_that_expired_imports_nothing() -> None:
    importer = await Importer.start("RAW_ENCRYPT_DECRYPT")
    await importer.kms.pass_time(3 * 86_400)
    with pytest.raises(CloudError) as refusal:
        await importer.version("AES_256_GCM", bytes(32))
    assert refusal.value.code is Code.FAILED_PRECONDITION
    job = await importer.kms.ask("keyRings.importJobs.get", name=importer.job["name"])
    assert (job["state"], "publicKey" in job) == ("EXPIRED", False)
