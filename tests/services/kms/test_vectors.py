"""Wycheproof's vectors against the API: each key is imported as a customer imports it."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA65PrivateKey,
    MLDSA87PrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM1024PrivateKey

from rempart.core.errors import CloudError, Code
from support import published
from support.cloud_kms import b64
from support.importer import Importer
from support.published import hexed
from support.vectors import NIST, records, wycheproof


async def test_aes_gcm_opens_what_is_right_and_nothing_else() -> None:
    await published.aes_gcm_opens_what_is_right_and_nothing_else(
        await Importer.start("RAW_ENCRYPT_DECRYPT")
    )


@pytest.mark.parametrize(("bits", "digest"), [(2048, 256), (3072, 256), (4096, 512), (2048, 1)])
async def test_oaep_opens_what_is_right_and_nothing_else(bits: int, digest: int) -> None:
    importer = await Importer.start("ASYMMETRIC_DECRYPT")
    await published.oaep_opens_what_is_right_and_nothing_else(importer, bits, digest)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
async def test_pkcs1_signatures_are_the_published_ones(bits: int) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN")
    await published.pkcs1_signatures_are_the_published_ones(importer, bits)


@pytest.mark.parametrize(
    ("file", "algorithm"),
    [
        ("CBC/CBCMMT128.rsp", "AES_128_CBC"),
        ("CBC/CBCMMT256.rsp", "AES_256_CBC"),
        ("CTR/aes-128-ctr.txt", "AES_128_CTR"),
        ("CTR/aes-256-ctr.txt", "AES_256_CTR"),
    ],
)
async def test_cbc_and_ctr_are_the_published_ones(file: str, algorithm: str) -> None:
    importer, seen = await Importer.start("RAW_ENCRYPT_DECRYPT"), 0
    for record in records(f"ciphers/AES/{file}", "count"):
        key, iv, plain, sealed = (
            bytes.fromhex(record[name]) for name in ("key", "iv", "plaintext", "ciphertext")
        )
        version = await importer.version(algorithm, key)
        given = {"initializationVector": b64(iv)}
        made = await importer.answer("rawEncrypt", version, given | {"plaintext": b64(plain)})
        assert made["ciphertext"] == b64(sealed), record["count"]
        back = await importer.answer("rawDecrypt", version, given | {"ciphertext": b64(sealed)})
        assert back["plaintext"] == b64(plain), record["count"]
        seen += 1
    assert seen >= 3


async def test_ed25519_signatures_are_the_published_ones() -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN")
    lines = (NIST / "asymmetric/Ed25519/sign.input").read_text().splitlines()[:48]
    for line in lines:
        secret, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
        private = Ed25519PrivateKey.from_private_bytes(secret.removesuffix(public))
        version = await importer.version("EC_SIGN_ED25519", pkcs8(private))
        answer = await importer.answer("asymmetricSign", version, {"data": b64(message)})
        assert answer["signature"] == b64(signed.removesuffix(message))


@pytest.mark.parametrize(
    ("bits", "kind"), [(44, MLDSA44PrivateKey), (65, MLDSA65PrivateKey), (87, MLDSA87PrivateKey)]
)
async def test_ml_dsa_keys_are_the_published_ones(bits: int, kind: Any) -> None:
    importer, seen = await Importer.start("ASYMMETRIC_SIGN"), 0
    for case in wycheproof(f"mldsa_{bits}_sign_seed"):
        if not case.valid or len(case.bytes("privateSeed")) != 32:
            continue
        private = kind.from_seed_bytes(case.bytes("privateSeed"))
        version = await importer.version(f"PQ_SIGN_ML_DSA_{bits}", pkcs8(private))
        public = await importer.public_key(version)
        assert public == case.bytes("publicKey"), case.id
        seen += 1
    assert seen >= 10


@pytest.mark.parametrize(("bits", "kind"), [(768, MLKEM768PrivateKey), (1024, MLKEM1024PrivateKey)])
async def test_ml_kem_gives_the_published_secrets(bits: int, kind: Any) -> None:
    importer, seen = await Importer.start("KEY_ENCAPSULATION"), 0
    for case in wycheproof(f"mlkem_{bits}"):
        if len(case.bytes("seed")) != 64:
            continue
        version = await importer.version(
            f"ML_KEM_{bits}", pkcs8(kind.from_seed_bytes(case.bytes("seed")))
        )
        answer = await importer.answer("decapsulate", version, {"ciphertext": hexed(case, "c")})
        if case.valid:
            assert answer["sharedSecret"] == hexed(case, "K"), case.id
        else:
            assert answer is Code.INVALID_ARGUMENT, case.id
        seen += 1
    assert seen >= 10


def pkcs8(private: Any) -> bytes:
    der, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    material: bytes = private.private_bytes(der, form, serialization.NoEncryption())
    return material


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
