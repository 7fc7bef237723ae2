"""What is deleted is gone, and what it was called is never another key's name."""

from __future__ import annotations

from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from support.cloud_kms import DAY, LOCATION, RING, Kms

KEYS = "keyRings.cryptoKeys"
VERSIONS = f"{KEYS}.cryptoKeyVersions"


async def refused(kms: Kms, method: str, *asked: Any, **path: Any) -> CloudError:
    with pytest.raises(CloudError) as refusal:
        await kms.ask(method, *asked, **path)
    return refusal.value


async def destroyed(kms: Kms, id_: str = "key", **document: Any) -> str:
    """Create a key, let its first version be destroyed, and return the key's name."""
    name = await kms.key(id_, destroyScheduledDuration=f"{DAY}s", **document)
    await kms.ask(f"{VERSIONS}.destroy", name=f"{name}/cryptoKeyVersions/1")
    await kms.pass_time(DAY + 1)
    return name


async def deleted(kms: Kms, id_: str = "key") -> str:
    name = await destroyed(kms, id_)
    await kms.ask(f"{VERSIONS}.delete", name=f"{name}/cryptoKeyVersions/1")
    await kms.ask(f"{KEYS}.delete", name=name)
    return name


async def test_only_a_destroyed_version_can_be_deleted() -> None:
    kms = await Kms.start()
    name = await kms.key(destroyScheduledDuration=f"{DAY}s")
    version = f"{name}/cryptoKeyVersions/1"
    assert (await refused(kms, f"{VERSIONS}.delete", name=version)).code is Code.FAILED_PRECONDITION
    await kms.ask(f"{VERSIONS}.destroy", name=version)
    assert (await refused(kms, f"{VERSIONS}.delete", name=version)).code is Code.FAILED_PRECONDITION
    await kms.pass_time(DAY + 1)
    done = await kms.ask(f"{VERSIONS}.delete", name=version)
    assert done["done"] is True
    assert done["metadata"]["@type"].endswith("v1.DeleteCryptoKeyVersionMetadata")
    assert done["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert (await refused(kms, f"{VERSIONS}.get", name=version)).code is Code.NOT_FOUND
    key = await kms.ask(f"{KEYS}.get", name=name)
    assert "primary" not in key
    listed = await kms.ask(f"{VERSIONS}.list", parent=name)
    assert listed == {}


async def test_the_number_of_a_deleted_version_is_not_given_again() -> None:
    kms = await Kms.start()
    name = await destroyed(kms)
    await kms.ask(f"{VERSIONS}.delete", name=f"{name}/cryptoKeyVersions/1")
    made = await kms.ask(f"{VERSIONS}.create", parent=name)
    assert made["name"].endswith("/2")
    assert (await kms.ask(f"{VERSIONS}.list", parent=name))["totalSize"] == 1


async def test_a_key_is_deleted_once_it_has_no_version() -> None:
    kms = await Kms.start()
    name = await destroyed(kms)
    problem = await refused(kms, f"{KEYS}.delete", name=name)
    assert (problem.code, problem.reason) == (Code.FAILED_PRECONDITION, "NOT_EMPTY")
    await kms.ask(f"{VERSIONS}.delete", name=f"{name}/cryptoKeyVersions/1")
    done = await kms.ask(f"{KEYS}.delete", name=name)
    retired = done["metadata"]["retiredResource"]
    assert (await refused(kms, f"{KEYS}.get", name=name)).code is Code.NOT_FOUND
    assert await kms.ask(f"{KEYS}.list", parent=RING) == {}
    shown = await kms.ask("retiredResources.get", name=retired)
    assert shown["originalResource"] == name
    assert shown["resourceType"] == "cloudkms.googleapis.com/CryptoKey"
    listed = await kms.ask("retiredResources.list", parent=LOCATION)
    assert listed == {"retiredResources": [shown], "totalSize": 1}


async def test_the_name_of_a_deleted_key_is_never_given_again_even_in_a_new_ring() -> None:
    kms = await Kms.start()
    await deleted(kms)
    await kms.ask("keyRings.delete", name=RING)
    assert await kms.ask("keyRings.list", parent=LOCATION) == {}
    await kms.ask("keyRings.create", parent=LOCATION, query={"keyRingId": "ring"})
    problem = await refused(
        kms, f"{KEYS}.create", {"purpose": "ENCRYPT_DECRYPT"}, parent=RING,
        query={"cryptoKeyId": "key"},
    )  # fmt: skip
    assert problem.code is Code.ALREADY_EXISTS
    await kms.key("another")


async def test_a_deleted_key_rotates_no_more() -> None:
    kms = await Kms.start()
    name = await kms.key(
        rotationPeriod=f"{DAY * 9}s",
        nextRotationTime="2026-06-30T00:00:00Z",
        destroyScheduledDuration=f"{DAY}s",
    )
    await kms.ask(f"{VERSIONS}.destroy", name=f"{name}/cryptoKeyVersions/1")
    await kms.pass_time(DAY + 1)
    await kms.ask(f"{VERSIONS}.delete", name=f"{name}/cryptoKeyVersions/1")
    await kms.ask(f"{KEYS}.delete", name=name)
    await kms.pass_time(400 * DAY)
    assert await kms.ask(f"{KEYS}.list", parent=RING) == {}


async def test_a_ring_with_a_key_or_an_active_import_job_is_not_deleted() -> None:
    kms = await Kms.start()
    name = await destroyed(kms)
    problem = await refused(kms, "keyRings.delete", name=RING)
    assert (problem.code, problem.reason) == (Code.FAILED_PRECONDITION, "NOT_EMPTY")
    await kms.ask(f"{VERSIONS}.delete", name=f"{name}/cryptoKeyVersions/1")
    await kms.ask(f"{KEYS}.delete", name=name)
    await kms.ask(
        "keyRings.importJobs.create",
        {"importMethod": "RSA_OAEP_3072_SHA256", "protectionLevel": "SOFTWARE"},
        parent=RING,
        query={"importJobId": "job"},
    )
    problem = await refused(kms, "keyRings.delete", name=RING)
    assert "job" in problem.message
    await kms.pass_time(3 * DAY + 1)
    await kms.ask("keyRings.delete", name=RING)
    problem = await refused(kms, "keyRings.importJobs.get", name=f"{RING}/importJobs/job")
    assert problem.code is Code.NOT_FOUND


async def test_an_operation_is_remembered_for_thirty_days() -> None:
    kms = await Kms.start()
    name = await destroyed(kms)
    done = await kms.ask(f"{VERSIONS}.delete", name=f"{name}/cryptoKeyVersions/1")
    assert await kms.ask("operations.get", name=done["name"]) == done
    await kms.pass_time(30 * DAY)
    assert (await refused(kms, "operations.get", name=done["name"])).code is Code.NOT_FOUND
