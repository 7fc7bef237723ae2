"""Published vectors against the API: each key is imported as a customer imports it."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from itertools import islice
from pathlib import Path
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
from rempart.trust.custody.software.algorithms import ALGORITHMS
from support import published
from support.cloud_kms import b64
from support.importer import Importer
from support.published import b64_of, hexed
from support.vectors import NIST, records, wycheproof

PAGE = Path(__file__).parents[3] / "docs/spec/kms-vectors.md"
XWING_KEM_ID = 0x647A
ML_DSA: dict[int, Any] = {
    44: MLDSA44PrivateKey.from_seed_bytes,
    65: MLDSA65PrivateKey.from_seed_bytes,
    87: MLDSA87PrivateKey.from_seed_bytes,
}


async def test_aes_gcm_opens_what_is_right_and_nothing_else() -> None:
    await published.aes_gcm_opens_what_is_right_and_nothing_else(
        await Importer.start("RAW_ENCRYPT_DECRYPT")
    )


@pytest.mark.parametrize(
    ("bits", "digest"), [(2048, 256), (3072, 256), (4096, 256), (4096, 512), (2048, 1)]
)
async def test_oaep_opens_what_is_right_and_nothing_else(bits: int, digest: int) -> None:
    importer = await Importer.start("ASYMMETRIC_DECRYPT")
    await published.oaep_opens_what_is_right_and_nothing_else(importer, bits, digest)


@pytest.mark.parametrize("bits", [3072, 4096])
async def test_oaep_with_sha1_opens_the_published_ciphertexts(bits: int) -> None:
    importer, seen = await Importer.start("ASYMMETRIC_DECRYPT"), 0
    for case in wycheproof("rsa_oaep_misc"):
        group = case.group
        if (group["keySize"], group["sha"], group["mgfSha"]) != (bits, "SHA-1", "SHA-1"):
            continue
        material = bytes.fromhex(group["privateKeyPkcs8"])
        version = await importer.version(f"RSA_DECRYPT_OAEP_{bits}_SHA1", material)
        answer = await importer.answer(
            "asymmetricDecrypt", version, {"ciphertext": hexed(case, "ct")}
        )
        assert answer["plaintext"] == hexed(case, "msg"), case.id
        seen += 1
    assert seen == 3


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
async def test_pkcs1_signatures_are_the_published_ones(bits: int) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN")
    await published.pkcs1_signatures_are_the_published_ones(importer, bits)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
async def test_raw_pkcs1_signatures_are_the_published_ones(bits: int) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN")
    await published.raw_pkcs1_signatures_are_the_published_ones(importer, bits)


@pytest.mark.parametrize("name", ["2048_SHA256", "3072_SHA256", "4096_SHA256", "4096_SHA512"])
async def test_pss_signatures_verify(name: str) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN")
    await published.pss_signatures_verify(importer, f"RSA_SIGN_PSS_{name}")


@pytest.mark.parametrize("name", published.NIST_ECDSA)
async def test_ecdsa_keys_are_nists_and_their_signatures_verify(name: str) -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN")
    await published.ecdsa_keys_are_nists_and_their_signatures_verify(importer, name, 15)


@pytest.mark.parametrize("bits", [1, 224, 256, 384, 512])
async def test_hmac_codes_are_the_published_ones(bits: int) -> None:
    importer = await Importer.start("MAC")
    await published.hmac_codes_are_the_published_ones(importer, f"HMAC_SHA{bits}")


@pytest.mark.parametrize("bits", [128, 256])
async def test_nists_gcm_opens_what_is_right_and_nothing_else(bits: int) -> None:
    importer = await Importer.start("RAW_ENCRYPT_DECRYPT")
    await published.nists_gcm_opens_what_is_right_and_nothing_else(importer, bits)


@pytest.mark.parametrize(("file", "name"), published.NIST_BLOCKS)
async def test_cbc_and_ctr_are_the_published_ones(file: str, name: str) -> None:
    importer = await Importer.start("RAW_ENCRYPT_DECRYPT")
    await published.cbc_and_ctr_are_the_published_ones(importer, file, name)


async def test_ed25519_signatures_are_the_published_ones() -> None:
    importer = await Importer.start("ASYMMETRIC_SIGN")
    lines = (NIST / "asymmetric/Ed25519/sign.input").read_text().splitlines()[:48]
    for line in lines:
        secret, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
        private = Ed25519PrivateKey.from_private_bytes(secret.removesuffix(public))
        version = await importer.version("EC_SIGN_ED25519", pkcs8(private))
        answer = await importer.answer("asymmetricSign", version, {"data": b64(message)})
        assert answer["signature"] == b64(signed.removesuffix(message))


@pytest.mark.parametrize("bits", [44, 65, 87])
async def test_ml_dsa_keys_are_the_published_ones_and_their_signatures_verify(bits: int) -> None:
    importer, seen = await Importer.start("ASYMMETRIC_SIGN"), 0
    data, external = f"PQ_SIGN_ML_DSA_{bits}", f"PQ_SIGN_ML_DSA_{bits}_EXTERNAL_MU"
    for case in wycheproof(f"mldsa_{bits}_sign_seed"):
        if not case.valid or case.test.get("ctx"):
            continue
        private, mu = ML_DSA[bits](case.bytes("privateSeed")), case.bytes("mu")
        versions = [await importer.version(name, pkcs8(private)) for name in (data, external)]
        for version in versions:
            assert await importer.public_key(version) == case.bytes("publicKey"), case.id
        given = {"digest": {"externalMu": b64(mu)}}
        answer = await importer.answer("asymmetricSign", versions[1], given)
        private.public_key().verify_mu(b64decode(answer["signature"]), mu)
        if "msg" in case.test:
            plain = {"data": hexed(case, "msg")}
            answer = await importer.answer("asymmetricSign", versions[0], plain)
            private.public_key().verify(b64decode(answer["signature"]), case.bytes("msg"))
        seen += 1
    assert seen >= 70


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


@pytest.mark.parametrize(("bits", "kind"), [(768, MLKEM768PrivateKey), (1024, MLKEM1024PrivateKey)])
async def test_ml_kem_gives_the_known_answers_and_rejects_silently(bits: int, kind: Any) -> None:
    importer, seen = await Importer.start("KEY_ENCAPSULATION"), 0
    for record in islice(records(f"asymmetric/MLKEM/kat_MLKEM_{bits}.rsp", "count"), 10):
        private = kind.from_seed_bytes(bytes.fromhex(record["d"] + record["z"]))
        version = await importer.version(f"ML_KEM_{bits}", pkcs8(private))
        assert (await importer.public_key(version)).hex() == record["pk"]
        for ciphertext, secret in (("ct", "ss"), ("ct_n", "ss_n")):
            document = {"ciphertext": b64_of(record[ciphertext])}
            answer = await importer.answer("decapsulate", version, document)
            assert answer["sharedSecret"] == b64_of(record[secret])
        seen += 1
    assert seen == 10


async def test_x_wing_gives_the_published_secrets() -> None:
    importer, seen = await Importer.start("KEY_ENCAPSULATION"), 0
    for vector in json.loads((NIST / "HPKE/hpke-pq-test-vectors.json").read_text()):
        if vector["kem_id"] != XWING_KEM_ID:
            continue
        version = await importer.version("KEM_XWING", bytes.fromhex(vector["skRm"]))
        assert (await importer.public_key(version, "XWING_RAW_BYTES")).hex() == vector["pkRm"]
        answer = await importer.answer(
            "decapsulate", version, {"ciphertext": b64_of(vector["enc"])}
        )
        assert answer["sharedSecret"] == b64_of(vector["shared_secret"])
        seen += 1
    assert seen == 2


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


def test_the_page_on_vectors_names_every_algorithm_that_is_offered() -> None:
    named = re.findall(r"`([A-Z_0-9]+)`", PAGE.read_text())
    assert {it.name for it in ALGORITHMS.values() if not it.unavailable} <= set(named)
