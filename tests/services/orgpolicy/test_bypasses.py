"""Ways around a policy that were thought of, each with its answer."""

from __future__ import annotations

from typing import Any

from rempart.services.kms import METHODS as KMS
from rempart.services.storage import METHODS as STORAGE
from support.org_policies import HERE, LOCATION, PROJECT, Policed

NO_PLAIN = {"values": {"deniedValues": ["storage.googleapis.com"]}}
JUDGED = ("create", "insert", "patch", "update", "setIamPolicy", "copy", "rewrite", "compose")
UNJUDGED = {
    "storage.managedFolders.insert",
    "storage.projects.hmacKeys.update",
    "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.create",
    "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.patch",
    "cloudkms.projects.locations.ekmConnections.patch",
}
"""Methods that make nothing a constraint knows of: a version is of its key's kind and place."""


def test_every_method_that_makes_something_says_what() -> None:
    for method in (*STORAGE, *KMS):
        judged = method.id.rpartition(".")[2] in JUDGED and method.id not in UNJUDGED
        assert not judged or method.proposes is not None, method.id


async def test_a_copy_into_a_project_is_judged_there_and_not_where_it_comes_from() -> None:
    cloud = await Policed.start()
    other = await cloud.add_project("lab:other", cloud.folder)
    await cloud.bucket("theirs", project="lab:other")
    await cloud.upload(cloud.cloud.bucket, "o")
    await cloud.set("gcp.restrictNonCmekServices", NO_PLAIN, on=other)
    path: dict[str, Any] = {
        "sourceBucket": cloud.cloud.bucket,
        "sourceObject": "o",
        "destinationBucket": "theirs",
        "destinationObject": "o",
    }
    for verb in ("copy", "rewrite"):
        assert (await cloud.refused(f"storage.objects.{verb}", **path)).status == 412
    await cloud.unset("gcp.restrictNonCmekServices", on=other)
    await cloud.set("gcp.restrictNonCmekServices", NO_PLAIN, on=PROJECT)
    await cloud.ask("storage.objects.copy", **path)


async def test_an_upload_that_was_begun_before_the_policy_does_not_end_after_it() -> None:
    cloud = await Policed.start()
    bucket = cloud.cloud.bucket
    query = {"uploadType": "resumable", "name": "o"}
    reply = await cloud.cloud.ask("objects.insert", query=query, verb="POST")
    upload = dict(reply.headers)["location"].rpartition("upload_id=")[2]
    await cloud.set("gcp.restrictNonCmekServices", NO_PLAIN)
    told = await cloud.refused(
        "storage.objects.insert",
        query={"uploadType": "resumable", "upload_id": upload},
        headers={"content-range": "bytes 0-1/2"},
        body=b"xy",
        kind="resumable_upload",
        bucket=bucket,
    )
    assert told.status == 412


async def test_autokey_makes_no_key_that_nobody_else_may_make() -> None:
    cloud = await Policed.start()
    mode = {"keyProjectResolutionMode": "RESOURCE_PROJECT"}
    await cloud.ask(
        "cloudkms.projects.updateAutokeyConfig",
        mode,
        query={"updateMask": next(iter(mode))},
        name=f"{PROJECT}/autokeyConfig",
    )
    create = "cloudkms.projects.locations.keyHandles.create"
    document = {"resourceTypeSelector": "storage.googleapis.com/Bucket"}
    asked: dict[str, Any] = {"query": {"keyHandleId": "h"}, "parent": LOCATION}
    levels = "cloudkms.allowedProtectionLevels"
    await cloud.set(levels, {"values": {"allowedValues": ["EXTERNAL"]}})
    told = await cloud.refused(create, document, **asked)
    assert told.code.name == "FAILED_PRECONDITION"
    await cloud.unset(levels)
    await cloud.ask(create, document, **asked)


async def test_the_spelling_of_a_location_makes_no_difference() -> None:
    cloud = await Policed.start()
    await cloud.set("gcp.resourceLocations", {"values": {"deniedValues": [HERE]}})
    for spelling in (HERE, HERE.upper(), HERE.title()):
        new = {"name": "spelled", "location": spelling}
        await cloud.refused("storage.buckets.insert", new, query={"project": "lab:demo"})


async def test_a_project_that_is_nowhere_is_under_no_organizations_policy_but_its_own() -> None:
    cloud = await Policed.start()
    lonely = await cloud.add_project("lab:lonely", "")
    await cloud.set("gcp.resourceLocations", {"denyAll": True})
    assert await cloud.effective("gcp.resourceLocations") == [{"denyAll": True}]
    told = await cloud.refused(
        "orgpolicy.projects.policies.getEffectivePolicy",
        name=f"{lonely}/policies/gcp.resourceLocations",
    )
    assert told.status == 403
