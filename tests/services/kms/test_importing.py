"""Material that a customer brings: into a new version, and back into one that was destroyed."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rempart.core.errors import CloudError, Code
from support.cloud_kms import DAY, RING, Kms, b64

KEYS = "keyRings.cryptoKeys"
VERSIONS = f"{KEYS}.cryptoKeyVersions"
JOB = f"{RING}/importJobs/job"
OAEP_SHA256 = OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None)
MINE = os.urandom(32)


async def started() -> tuple[Kms, str]:
    """Return a universe with a key for imports only, destroyed after a day."""
    kms = await Kms.start()
    template = {
        "purpose": "RAW_ENCRYPT_DECRYPT",
        "versionTemplate": {"algorithm": "AES_256_GCM"},
        "importOnly": True,
        "destroyScheduledDuration": f"{DAY}s",
    }
    query = {"cryptoKeyId": "key", "skipInitialVersionCreation": "true"}
    made = await kms.ask(f"{KEYS}.create", template, parent=RING, query=query)
    return kms, str(made["name"])


async def imported(kms: Kms, name: str, material: bytes, **document: str) -> dict[str, Any]:
    """Wrap material under the job's key, making the job if there is none, and import it."""
    try:
        job = await kms.ask("keyRings.importJobs.get", name=JOB)
    except CloudError:
        asked = {"importMethod": "RSA_OAEP_3072_SHA256", "protectionLevel": "SOFTWARE"}
        query = {"importJobId": "job"}
        job = await kms.ask("keyRings.importJobs.create", asked, parent=RING, query=query)
    wrapping = load_pem_public_key(job["publicKey"]["pem"].encode())
    assert isinstance(wrapping, RSAPublicKey)
    body = {
        "algorithm": "AES_256_GCM",
        "importJob": JOB,
        "wrappedKey": b64(wrapping.encrypt(material, OAEP_SHA256)),
    }
    return await kms.ask(f"{VERSIONS}.import", body | document, parent=name)


async def destroyed(kms: Kms, version: str) -> dict[str, Any]:
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    await kms.pass_time(DAY + 1)
    return await kms.ask(f"{VERSIONS}.get", name=version)


async def refusal(kms: Kms, name: str, material: bytes, **document: str) -> CloudError:
    with pytest.raises(CloudError) as problem:
        await imported(kms, name, material, **document)
    return problem.value


async def test_destroyed_material_comes_back_and_opens_what_it_sealed() -> None:
    kms, name = await started()
    version = (await imported(kms, name, MINE))["name"]
    sealed = await kms.ask(f"{VERSIONS}.rawEncrypt", {"plaintext": b64(b"x")}, name=version)
    gone = await destroyed(kms, version)
    assert (gone["state"], gone["reimportEligible"]) == ("DESTROYED", True)
    back = await imported(kms, name, MINE, cryptoKeyVersion=version)
    assert (back["name"], back["state"]) == (version, "ENABLED")
    assert back["importTime"] > gone["importTime"]
    assert not {"reimportEligible", "destroyTime", "destroyEventTime"} & back.keys()
    asked = {one: sealed[one] for one in ("ciphertext", "initializationVector", "tagLength")}
    opened = await kms.ask(f"{VERSIONS}.rawDecrypt", asked, name=version)
    assert opened["plaintext"] == b64(b"x")
    listed = await kms.ask(f"{VERSIONS}.list", parent=name)
    assert listed["totalSize"] == 1


async def test_other_material_does_not_take_the_place_of_what_was_destroyed() -> None:
    kms, name = await started()
    version = (await imported(kms, name, MINE))["name"]
    await destroyed(kms, version)
    problem = await refusal(kms, name, os.urandom(32), cryptoKeyVersion=version)
    assert (problem.code, problem.reason) == (Code.INVALID_ARGUMENT, "OTHER_KEY_MATERIAL")
    problem = await refusal(kms, name, MINE[:16], cryptoKeyVersion=version, algorithm="AES_128_GCM")
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, "algorithm")
    assert (await kms.ask(f"{VERSIONS}.get", name=version))["state"] == "DESTROYED"


async def test_material_comes_back_only_where_it_was_imported_and_destroyed() -> None:
    kms, name = await started()
    version = (await imported(kms, name, MINE))["name"]
    problem = await refusal(kms, name, MINE, cryptoKeyVersion=version)
    assert problem.code is Code.FAILED_PRECONDITION
    made = await kms.key("made", "RAW_ENCRYPT_DECRYPT", "AES_256_GCM",
                         destroyScheduledDuration=f"{DAY}s")  # fmt: skip
    own = f"{made}/cryptoKeyVersions/1"
    await destroyed(kms, own)
    problem = await refusal(kms, made, MINE, cryptoKeyVersion=own)
    assert (problem.code, problem.reason) == (Code.FAILED_PRECONDITION, "VERSION_NOT_IMPORTED")
    problem = await refusal(kms, name, MINE, cryptoKeyVersion=own)
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, "cryptoKeyVersion")
    problem = await refusal(kms, name, MINE, cryptoKeyVersion=f"{name}/cryptoKeyVersions/7")
    assert problem.code is Code.NOT_FOUND


async def test_an_imported_version_is_never_deleted() -> None:
    kms, name = await started()
    version = (await imported(kms, name, MINE))["name"]
    await destroyed(kms, version)
    with pytest.raises(CloudError) as problem:
        await kms.ask(f"{VERSIONS}.delete", name=version)
    assert (problem.value.code, problem.value.reason) == (
        Code.FAILED_PRECONDITION, "VERSION_IMPORTED",
    )  # fmt: skip


async def test_a_version_may_be_of_another_algorithm_than_the_template() -> None:
    kms, name = await started()
    made = await imported(kms, name, MINE[:16], algorithm="AES_128_GCM")
    assert made["algorithm"] == "AES_128_GCM"
    problem = await refusal(kms, name, MINE, algorithm="HMAC_SHA256")
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, "versionTemplate.algorithm")


async def test_a_key_for_imports_only_makes_nothing_itself() -> None:
    kms, name = await started()
    with pytest.raises(CloudError) as problem:
        await kms.ask(f"{VERSIONS}.create", parent=name)
    assert (problem.value.code, problem.value.reason) == (Code.FAILED_PRECONDITION, "IMPORT_ONLY")
    rotating = {
        "purpose": "ENCRYPT_DECRYPT",
        "importOnly": True,
        "rotationPeriod": f"{DAY}s",
        "nextRotationTime": "2099-01-01T00:00:00Z",
    }
    query = {"cryptoKeyId": "new", "skipInitialVersionCreation": "true"}
    with pytest.raises(CloudError) as problem:
        await kms.ask(f"{KEYS}.create", rotating, parent=RING, query=query)
    assert problem.value.field == "rotationPeriod"
