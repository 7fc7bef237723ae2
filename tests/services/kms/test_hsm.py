"""Keys of the protection level HSM through the gate, in a real SoftHSM2 of their own."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher, aead
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rempart.core.errors import CloudError, Code
from rempart.services.kms.left_over import left_over
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.witness.leaf import INTENT, OUTCOME
from rempart.trust.witness.verify import Walk, walk
from support.cloud_kms import DAY, LOCATION, RING, Kms, b64
from support.importer import Importer
from support.softhsm import SoftHSM, softhsm

__all__ = ["softhsm"]

KEYS = "keyRings.cryptoKeys"
VERSIONS = f"{KEYS}.cryptoKeyVersions"
VECTORS = Path(__file__).parents[3] / "docs/spec/vectors/kms-ciphertext-token.json"
SOON_SECONDS = 5.0
TEXT = b"as agreed"


async def hsm_key(kms: Kms, purpose: str, algorithm: str, id_: str = "key", **more: Any) -> str:
    template = {"algorithm": algorithm, "protectionLevel": "HSM"}
    return await kms.key(id_, purpose, versionTemplate=template, **more)


async def seals(kms: Kms, id_: str = "key", **more: Any) -> str:
    return await hsm_key(kms, "ENCRYPT_DECRYPT", "GOOGLE_SYMMETRIC_ENCRYPTION", id_, **more)


async def refused(kms: Kms, method: str, *asked: Any, **path: Any) -> CloudError:
    with pytest.raises(CloudError) as refusal:
        await kms.ask(method, *asked, **path)
    return refusal.value


def first(name: str) -> str:
    return f"{name}/cryptoKeyVersions/1"


async def public_key(kms: Kms, name: str) -> Any:
    shown = await kms.ask(f"{VERSIONS}.getPublicKey", name=first(name))
    assert shown["protectionLevel"] == "HSM"
    return load_pem_public_key(shown["pem"].encode())


async def test_what_a_token_encrypts_only_the_token_decrypts(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name, other = await seals(kms), await seals(kms, "other")
    assert softhsm.objects == 2
    document = {"plaintext": b64(b"plain"), "additionalAuthenticatedData": b64(b"aad")}
    done = await kms.ask(f"{KEYS}.encrypt", document, name=name)
    assert done["protectionLevel"] == "HSM"
    sealed = base64.b64decode(done["ciphertext"])
    assert await kms.decrypt(name, sealed, b"aad") == b"plain"
    changed = [(name, sealed, b""), (other, sealed, b"aad"), (name, sealed[:-1], b"aad")]
    changed += [
        (name, bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]]), b"aad")
        for at in range(len(sealed))
    ]
    for key, ciphertext, aad in changed:
        asked = {"ciphertext": b64(ciphertext), "additionalAuthenticatedData": b64(aad)}
        problem = await refused(kms, f"{KEYS}.decrypt", asked, name=key)
        assert (problem.code, problem.reason) == (Code.INVALID_ARGUMENT, "DECRYPTION_FAILED")


async def test_a_ciphertext_is_what_the_specification_says(softhsm: SoftHSM) -> None:
    brought = await Importer.start("ENCRYPT_DECRYPT", softhsm.config)
    key = os.urandom(32)
    version = await brought.version("GOOGLE_SYMMETRIC_ENCRYPTION", key)
    name = version.partition("/cryptoKeyVersions/")[0]
    await brought.kms.ask(f"{KEYS}.updatePrimaryVersion", {"cryptoKeyVersionId": "1"}, name=name)
    sealed = await brought.kms.encrypt(name, TEXT, b"aad")
    head, salt, message = sealed[:9], sealed[9:41], sealed[41:]
    assert head == b"\x02" + (1).to_bytes(8, "big")
    label = b"rempart.kms.token.v1"
    derived = KBKDFHMAC(
        hashes.SHA256(), Mode.CounterMode, 32, 4, 4, CounterLocation.BeforeFixed, label, salt, None
    ).derive(key)
    opener = Cobblestone256Decryptor(derived, label + b"\x00" + head + salt + b"aad")
    assert opener.update(message) + opener.finalize() == TEXT


async def test_the_published_ciphertexts_open_in_a_token(softhsm: SoftHSM) -> None:
    brought = await Importer.start("ENCRYPT_DECRYPT", softhsm.config)
    for case in json.loads(VECTORS.read_text())["vectors"]:
        version = await brought.version("GOOGLE_SYMMETRIC_ENCRYPTION", bytes.fromhex(case["key"]))
        name = version.partition("/cryptoKeyVersions/")[0]
        opened = await brought.kms.decrypt(
            name, bytes.fromhex(case["ciphertext"]), bytes.fromhex(case["aad"])
        )
        assert opened == bytes(at % 251 for at in range(case["length"]))


@pytest.mark.parametrize(
    "algorithm",
    [
        "RSA_SIGN_PSS_2048_SHA256",
        "RSA_SIGN_PKCS1_3072_SHA256",
        "EC_SIGN_P256_SHA256",
        "EC_SIGN_P384_SHA384",
        "EC_SIGN_SECP256K1_SHA256",
    ],
)
async def test_signatures_of_a_token_are_good_elsewhere(softhsm: SoftHSM, algorithm: str) -> None:
    kms = await Kms.start(softhsm.config)
    name = await hsm_key(kms, "ASYMMETRIC_SIGN", algorithm)
    public, digest = await public_key(kms, name), ALGORITHMS[algorithm].digest
    hash_ = hashes.SHA384() if digest == "sha384" else hashes.SHA256()
    hasher = hashes.Hash(hash_)
    hasher.update(TEXT)
    hashed = hasher.finalize()
    for document in ({"data": b64(TEXT)}, {"digest": {digest: b64(hashed)}}):
        done = await kms.ask(f"{VERSIONS}.asymmetricSign", document, name=first(name))
        signature = base64.b64decode(done["signature"])
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, hashed, ec.ECDSA(Prehashed(hash_)))
        else:
            padding = PSS(MGF1(hash_), 32) if "PSS" in algorithm else PKCS1v15()
            public.verify(signature, TEXT, padding, hash_)


async def test_a_token_signs_what_its_caller_has_encoded(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name = await hsm_key(kms, "ASYMMETRIC_SIGN", "RSA_SIGN_RAW_PKCS1_2048")
    done = await kms.ask(f"{VERSIONS}.asymmetricSign", {"data": b64(TEXT)}, name=first(name))
    public = await public_key(kms, name)
    signature = base64.b64decode(done["signature"])
    assert public.recover_data_from_signature(signature, PKCS1v15(), None) == TEXT
    too_much = {"data": b64(bytes(246))}
    problem = await refused(kms, f"{VERSIONS}.asymmetricSign", too_much, name=first(name))
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, "data")


async def test_a_token_decrypts_and_outlives_what_does_not_open(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name = await hsm_key(kms, "ASYMMETRIC_DECRYPT", "RSA_DECRYPT_OAEP_2048_SHA1")
    public = await public_key(kms, name)
    assert isinstance(public, rsa.RSAPublicKey)
    mask = OAEP(MGF1(hashes.SHA1()), hashes.SHA1(), None)
    right = public.encrypt(TEXT, mask)
    for wrong in (b"", right[:-1], bytes(256), bytes([*right[:-1], right[-1] ^ 1]), b"\xff" * 256):
        document = {"ciphertext": b64(wrong)}
        problem = await refused(kms, f"{VERSIONS}.asymmetricDecrypt", document, name=first(name))
        assert (problem.code, problem.reason) == (Code.INVALID_ARGUMENT, "DECRYPTION_FAILED")
    done = await kms.ask(
        f"{VERSIONS}.asymmetricDecrypt", {"ciphertext": b64(right)}, name=first(name)
    )
    assert done["plaintext"] == b64(TEXT)


async def test_what_this_token_cannot_do_is_refused_by_name_and_leaves_nothing(
    softhsm: SoftHSM,
) -> None:
    kms = await Kms.start(softhsm.config)
    for purpose, algorithm in (
        ("ASYMMETRIC_DECRYPT", "RSA_DECRYPT_OAEP_2048_SHA256"),
        ("ASYMMETRIC_SIGN", "EC_SIGN_ED25519"),
        ("ASYMMETRIC_SIGN", "PQ_SIGN_ML_DSA_65"),
        ("KEY_ENCAPSULATION", "ML_KEM_768"),
    ):
        document = {
            "purpose": purpose,
            "versionTemplate": {"algorithm": algorithm, "protectionLevel": "HSM"},
        }
        query = {"cryptoKeyId": "new"}
        problem = await refused(kms, f"{KEYS}.create", document, parent=RING, query=query)
        assert problem.code is Code.INVALID_ARGUMENT
        assert problem.field == "versionTemplate.algorithm"
        assert algorithm in problem.message
    assert softhsm.objects == 0


@pytest.mark.parametrize("digest", ["SHA1", "SHA224", "SHA256", "SHA384", "SHA512"])
async def test_a_token_computes_the_same_code_as_anybody_with_the_key(
    softhsm: SoftHSM, digest: str
) -> None:
    brought = await Importer.start("MAC", softhsm.config)
    hash_: hashes.HashAlgorithm = getattr(hashes, digest)()
    key = os.urandom(hash_.digest_size)
    version = await brought.version(f"HMAC_{digest}", key)
    mac = HMAC(key, hash_)
    mac.update(TEXT)
    right = mac.finalize()
    done = await brought.answer("macSign", version, {"data": b64(TEXT)})
    assert done["mac"] == b64(right)
    for code, verdict in ((right, True), (right[:-1], False), (bytes(len(right)), False)):
        answer = await brought.answer("macVerify", version, {"data": b64(TEXT), "mac": b64(code)})
        assert answer.get("success", False) is verdict


@pytest.mark.parametrize("bits", [128, 256])
@pytest.mark.parametrize("text", [b"", b"sixteen bytes or", bytes(65_536)])
async def test_raw_modes_in_a_token_are_those_of_every_library(
    softhsm: SoftHSM, bits: int, text: bytes
) -> None:
    brought = await Importer.start("RAW_ENCRYPT_DECRYPT", softhsm.config)
    key = os.urandom(bits // 8)
    for mode in ("GCM", "CBC", "CTR"):
        version = await brought.version(f"AES_{bits}_{mode}", key)
        aad = b"aad" if mode == "GCM" else b""
        document = {"plaintext": b64(text), "additionalAuthenticatedData": b64(aad)}
        done = await brought.answer("rawEncrypt", version, document)
        iv, sealed = (base64.b64decode(done[it]) for it in ("initializationVector", "ciphertext"))
        if mode == "GCM":
            assert aead.AESGCM(key).decrypt(iv, sealed, aad) == text
        else:
            cipher = Cipher(AES(key), CBC(iv) if mode == "CBC" else CTR(iv)).decryptor()
            assert cipher.update(sealed) + cipher.finalize() == text
        asked = {
            "ciphertext": b64(sealed),
            "initializationVector": b64(iv),
            "additionalAuthenticatedData": b64(aad),
        }
        opened = await brought.answer("rawDecrypt", version, asked)
        assert opened["plaintext"] == b64(text)
        if mode == "GCM":
            asked["additionalAuthenticatedData"] = b64(b"other")
            assert await brought.answer("rawDecrypt", version, asked) is Code.INVALID_ARGUMENT
            opened = await brought.answer("rawDecrypt", version, asked | {
                "additionalAuthenticatedData": b64(aad)})  # fmt: skip
            assert opened["plaintext"] == b64(text)


async def test_a_job_imports_at_its_own_protection_level_only(softhsm: SoftHSM) -> None:
    brought = await Importer.start("MAC", softhsm.config)
    brought.level = "SOFTWARE"
    with pytest.raises(CloudError) as refusal:
        await brought.version("HMAC_SHA256", bytes(32))
    assert (refusal.value.code, refusal.value.field) == (Code.INVALID_ARGUMENT, "importJob")


async def test_a_destroyed_version_leaves_the_token(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name, other = await seals(kms), await seals(kms, "other")
    sealed = await kms.encrypt(name, b"x")
    await kms.ask(f"{VERSIONS}.destroy", name=first(name))
    assert softhsm.objects == 2
    await kms.pass_time(30 * DAY + 1)
    assert softhsm.objects == 1
    gone = await kms.ask(f"{VERSIONS}.get", name=first(name))
    assert gone["state"] == "DESTROYED"
    problem = await refused(kms, f"{KEYS}.decrypt", {"ciphertext": b64(sealed)}, name=name)
    assert problem.reason == "KEY_DESTROYED"
    assert await kms.decrypt(other, await kms.encrypt(other, b"x")) == b"x"


async def test_nothing_counts_as_destroyed_while_the_token_is_away(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name = await seals(kms)
    await kms.ask(f"{VERSIONS}.destroy", name=first(name))
    with softhsm.away():
        await kms.pass_time(30 * DAY + 1)
        waiting = await kms.ask(f"{VERSIONS}.get", name=first(name))
        assert waiting["state"] == "DESTROY_SCHEDULED"
        problem = await refused(kms, f"{VERSIONS}.restore", name=first(name))
        assert problem.code is Code.FAILED_PRECONDITION
    assert softhsm.objects == 1
    await recovered(kms, name)
    await kms.pass_time(60)
    assert (await kms.ask(f"{VERSIONS}.get", name=first(name)))["state"] == "DESTROYED"
    assert softhsm.objects == 0


async def recovered(kms: Kms, name: str) -> None:
    """Wait until the token is looked for again."""
    await asyncio.sleep(1.1)
    assert (await kms.ask(f"{KEYS}.get", name=name))["name"] == name


async def test_a_token_that_vanished_is_unavailable_and_comes_back(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name = await seals(kms)
    signs = await hsm_key(kms, "ASYMMETRIC_SIGN", "EC_SIGN_P256_SHA256", "signs")
    sealed = await kms.encrypt(name, b"x")
    with softhsm.away():
        for _ in range(3):
            for method, document, path in (
                (f"{KEYS}.encrypt", {"plaintext": b64(b"x")}, name),
                (f"{KEYS}.decrypt", {"ciphertext": b64(sealed)}, name),
                (f"{VERSIONS}.asymmetricSign", {"data": b64(b"x")}, first(signs)),
                (f"{VERSIONS}.create", {}, name),
            ):
                begun = time.monotonic()
                where = {"parent" if method.endswith("create") else "name": path}
                problem = await refused(kms, method, document, **where)
                assert problem.code is Code.UNAVAILABLE
                assert time.monotonic() - begun < SOON_SECONDS
        # What needs no token is there all the same.
        assert (await public_key(kms, signs)).curve.name == "secp256r1"
    await recovered(kms, name)
    assert await kms.decrypt(name, sealed) == b"x"


async def test_a_token_that_vanishes_under_load_never_answers_wrongly(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name, stop = await seals(kms), asyncio.Event()
    sealed = {text: await kms.encrypt(name, text) for text in (b"one", b"two", b"three")}
    codes: set[Code] = set()

    async def load() -> None:
        while not stop.is_set():
            for text, ciphertext in sealed.items():
                try:
                    assert await kms.decrypt(name, ciphertext) == text
                except CloudError as problem:
                    codes.add(problem.code)
                    await asyncio.sleep(0.01)

    loads = [asyncio.create_task(load()) for _ in range(8)]
    for _ in range(2):
        await asyncio.sleep(0.2)
        with softhsm.away():
            await asyncio.sleep(0.5)
        await asyncio.sleep(1.2)
    stop.set()
    await asyncio.gather(*loads)
    assert codes == {Code.UNAVAILABLE}
    assert await kms.decrypt(name, sealed[b"two"]) == b"two"


async def test_a_key_that_somebody_removed_from_the_token_is_lost_and_said_so(
    softhsm: SoftHSM,
) -> None:
    kms = await Kms.start(softhsm.config)
    name, other = await seals(kms), await seals(kms, "other")
    token = kms.cloud.parts.token
    assert token is not None
    gone = next(one for one in await token.left_over([]) if "/other/" not in one.label)
    await token.remove(gone)
    for _ in range(2):
        problem = await refused(kms, f"{KEYS}.encrypt", {"plaintext": b64(b"x")}, name=name)
        assert problem.code is Code.DATA_LOSS
    assert await kms.decrypt(other, await kms.encrypt(other, b"x")) == b"x"


async def test_a_version_that_is_not_stored_leaves_no_key_in_the_token(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    await seals(kms)
    document = {"purpose": "MAC", "versionTemplate": {
        "algorithm": "HMAC_SHA256", "protectionLevel": "HSM"}}  # fmt: skip
    query = {"cryptoKeyId": "key"}
    problem = await refused(kms, f"{KEYS}.create", document, parent=RING, query=query)
    assert problem.code is Code.ALREADY_EXISTS
    assert softhsm.objects == 1


async def test_the_log_says_that_a_key_will_be_made_before_the_token_is_asked(
    softhsm: SoftHSM,
) -> None:
    kms = await Kms.start(softhsm.config)
    await seals(kms)
    with softhsm.away():
        template = {"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protectionLevel": "HSM"}
        document = {"purpose": "ENCRYPT_DECRYPT", "versionTemplate": template}
        query = {"cryptoKeyId": "unmade"}
        problem = await refused(kms, f"{KEYS}.create", document, parent=RING, query=query)
        assert problem.code is Code.UNAVAILABLE
    sealed = kms.cloud.parts.sealed
    leaves = [leaf async for leaf in walk(sealed._engine, sealed, Walk())]
    kinds = [leaf.kind for leaf in leaves if leaf.method.endswith("cryptoKeys.create")]
    assert kinds == [INTENT, OUTCOME, INTENT]


async def test_a_key_that_no_version_refers_to_is_found_and_removed(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name = await seals(kms)
    parts = kms.cloud.parts
    assert parts.token is not None
    context = UseContext("projects/p/orphan", "projects/p", "R", "p", "m")
    await parts.token.generate(ALGORITHMS["HMAC_SHA256"], context)
    assert softhsm.objects == 2
    left = await left_over(parts.sealed, parts.kms.materials, parts.token)
    assert [one.label.partition(" ")[2] for one in left] == ["projects/p/orphan"]
    await parts.token.remove(left[0])
    assert softhsm.objects == 1
    assert await kms.decrypt(name, await kms.encrypt(name, b"x")) == b"x"


async def test_rotation_makes_the_next_version_in_the_token(softhsm: SoftHSM) -> None:
    kms = await Kms.start(softhsm.config)
    name = await seals(kms, rotationPeriod=f"{DAY}s", nextRotationTime="2026-05-30T00:00:00Z")
    old = await kms.encrypt(name, b"old")
    await kms.pass_time(3 * DAY)
    primary = (await kms.ask(f"{KEYS}.get", name=name))["primary"]
    assert (primary["name"][-2:], primary["protectionLevel"]) == ("/2", "HSM")
    assert await kms.decrypt(name, old) == b"old"
    assert softhsm.objects == 2


async def test_a_location_says_that_there_is_an_hsm_and_gives_its_random_bytes(
    softhsm: SoftHSM,
) -> None:
    kms = await Kms.start(softhsm.config)
    assert (await kms.ask("get", name=LOCATION))["metadata"]["hsmAvailable"] is True
    asked = {"lengthBytes": 32, "protectionLevel": "HSM"}
    drawn = await kms.ask("generateRandomBytes", asked, location=LOCATION)
    assert len(base64.b64decode(drawn["data"])) == 32
    with softhsm.away():
        seen = await kms.ask("get", name=LOCATION)
        assert seen["metadata"]["hsmAvailable"] is True
    assert "hsmAvailable" not in (await (await Kms.start()).ask("get", name=LOCATION))["metadata"]
