"""Ways around a policy that were thought of, each with its answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.core.method import Method
from rempart.services.iam import METHODS as IAM
from rempart.services.kms import METHODS as KMS
from rempart.services.resourcemanager import METHODS as MANAGER
from rempart.services.storage import METHODS as STORAGE
from rempart.trust.identity.tokens import Impersonated
from rempart.trust.policy.organization.policies import Policies
from support.org_policies import HERE, LOCATION, PROJECT, Policed

KMS_SERVICE = "cloudkms.googleapis.com"
NO_PLAIN = {"values": {"deniedValues": ["storage.googleapis.com"]}}
JUDGED = (
    "upload",
    "create",
    "insert",
    "patch",
    "update",
    "setIamPolicy",
    "move",
    "copy",
    "rewrite",
    "compose",
)
UNJUDGED = {
    *(
        f"iam.{one}.roles.{verb}"
        for one in ("organizations", "projects")
        for verb in ("create", "patch")
    ),
    *(f"iam.locations.workforcePools.{one}create" for one in ("", "providers.")),
    *(f"iam.locations.workforcePools.{one}patch" for one in ("", "providers.")),
    "iam.locations.workforcePools.setIamPolicy",
    "iam.organizations.bootstraps.create",
    "iam.projects.locations.workloadIdentityPools.create",
    "iam.projects.locations.workloadIdentityPools.patch",
    "cloudresourcemanager.liens.create",
    "cloudresourcemanager.v1.liens.create",
    "storage.managedFolders.insert",
    "storage.objects.move",
    "storage.projects.hmacKeys.update",
    "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.create",
    "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.patch",
    "cloudkms.projects.locations.ekmConnections.patch",
}
"""Methods that make nothing a constraint knows of: a version is of its key's kind and place.

Members of a workforce pool's own policy are not judged: pools are in no folder or project, and an
organization's administrators alone set it.
"""


def test_every_method_that_makes_something_says_what() -> None:
    every: tuple[Method[Any], ...] = (*STORAGE, *KMS, *MANAGER, *IAM)
    for method in every:
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


async def test_what_holds_at_a_destination_is_told_only_to_who_may_go_there() -> None:
    cloud = await Policed.start()
    other = await cloud.add_project("lab:other", cloud.folder)
    await cloud.bucket("theirs", project="lab:other")
    await cloud.upload(cloud.cloud.bucket, "o")
    await cloud.set("gcp.restrictNonCmekServices", NO_PLAIN, on=other)
    account = await cloud.ask(
        "iam.projects.serviceAccounts.create", {"accountId": "robot-1"}, name=PROJECT
    )
    owner = {"role": "roles/owner", "members": [f"serviceAccount:{account['email']}"]}
    policy = {"policy": {"bindings": [owner]}}
    await cloud.ask("cloudresourcemanager.projects.setIamPolicy", policy, resource=PROJECT)
    parts, now = cloud.cloud.parts, cloud.cloud.clock()
    scopes, ends = ("https://www.googleapis.com/auth/cloud-platform",), Micros(now + 60_000_000)
    robot = Impersonated(account["email"], account["uniqueId"], scopes, now, ends)
    headers = {"authorization": f"Bearer {parts.identity.tokens.seal(robot)}"}
    path: dict[str, Any] = {
        "sourceBucket": cloud.cloud.bucket,
        "sourceObject": "o",
        "destinationBucket": "theirs",
        "destinationObject": "o",
    }
    told = await cloud.refused("storage.objects.copy", headers=headers, **path)
    assert (told.status, "storage.objects.create" in told.message) == (403, True)
    mover = "roles/resourcemanager.projectMover"
    more = {"role": mover, "members": owner["members"]}
    policy = {"policy": {"bindings": [owner, more]}}
    await cloud.ask("cloudresourcemanager.projects.setIamPolicy", policy, resource=PROJECT)
    asked = list[str]()

    async def above(self: Policies, container: str) -> tuple[str, ...]:
        asked.append(container)
        return await real(self, container)

    real = Policies.above
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Policies, "above", above)
        told = await cloud.refused(
            "cloudresourcemanager.projects.move",
            {"destinationParent": cloud.organization},
            headers=headers,
            name=PROJECT,
        )
    assert (told.status, told.code.name) == (403, "PERMISSION_DENIED")
    assert cloud.organization not in asked


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


async def test_strangers_are_given_nothing_on_any_level_of_the_hierarchy() -> None:
    cloud = await Policed.start()
    value = f"is:principalSet://iam.googleapis.com/{cloud.organization}"
    rule = {"values": {"allowedValues": [value]}}
    await cloud.set("iam.allowedPolicyMemberDomains", rule)
    own = f"serviceAccount:{cloud.cloud.key['client_email']}"
    for resource in (cloud.organization, cloud.folder, PROJECT):
        noun = resource.partition("/")[0]
        get, set_ = (f"cloudresourcemanager.{noun}.{verb}IamPolicy" for verb in ("get", "set"))
        policy = await cloud.ask(get, resource=resource)
        kept = policy.get("bindings", [])
        viewer = {"role": "roles/viewer", "members": ["user:somebody@example.test"]}
        wrong = {"policy": {"bindings": [*kept, viewer]}}
        told = await cloud.refused(set_, wrong, resource=resource)
        assert told.code.name == "FAILED_PRECONDITION"
        right = {"policy": {"bindings": [*kept, {"role": "roles/viewer", "members": [own]}]}}
        await cloud.ask(set_, right, resource=resource)


async def test_projects_and_folders_are_named_as_a_custom_constraint_says() -> None:
    cloud = await Policed.start()
    noun = "orgpolicy.organizations.customConstraints.create"
    for name, kind, condition in (
        ("projects", "Project", "resource.displayName.startsWith('eu-')"),
        ("folders", "Folder", "resource.displayName != 'tmp'"),
    ):
        given = {
            "name": f"{cloud.organization}/customConstraints/custom.{name}",
            "resourceTypes": [f"cloudresourcemanager.googleapis.com/{kind}"],
            "methodTypes": ["CREATE", "UPDATE"],
            "condition": condition,
            "actionType": "ALLOW",
        }
        await cloud.ask(noun, given, parent=cloud.organization)
        await cloud.set(f"custom.{name}", {"enforce": True})
    create = "cloudresourcemanager.projects.create"
    new = {"projectId": "lab:wanted", "parent": cloud.folder, "displayName": "us-one"}
    told = await cloud.refused(create, new)
    assert told.info is not None
    assert told.info.reason == "CUSTOM_ORG_POLICY_VIOLATION"
    v1 = {"projectId": "lab:wanted", "name": "us-one"}
    await cloud.refused("cloudresourcemanager.v1.projects.create", v1)
    await cloud.ask(create, {**new, "displayName": "eu-one"})
    patch = "cloudresourcemanager.projects.patch"
    await cloud.refused(patch, {"displayName": "us-one"}, name="projects/lab:wanted")
    folder = {"displayName": "tmp", "parent": cloud.organization}
    await cloud.refused("cloudresourcemanager.folders.create", folder)


async def test_a_restricted_service_is_not_used_by_way_of_another() -> None:
    cloud = await Policed.start()
    key = await cloud.usable_key()
    bucket = cloud.cloud.bucket
    await cloud.set("gcp.restrictServiceUsage", {"values": {"deniedValues": [KMS_SERVICE]}})
    asked = {"uploadType": "media", "name": "o", "kmsKeyName": key}
    told = await cloud.refused("storage.objects.insert", query=asked, body=b"x", bucket=bucket)
    assert told.status == 403
    await cloud.upload(bucket, "o")


async def test_of_many_who_change_a_policy_that_they_have_read_one_does() -> None:
    cloud = await Policed.start()
    made = await cloud.set("storage.uniformBucketLevelAccess", {"enforce": True})

    async def change(number: int) -> bool:
        spec = {"rules": [{"enforce": bool(number % 2)}], "etag": made["spec"]["etag"]}
        try:
            await cloud.ask(
                "orgpolicy.organizations.policies.patch", {"spec": spec}, name=made["name"]
            )
        except CloudError as problem:
            assert problem.code.name == "ABORTED"  # noqa: PT017 - most must be refused
            return False
        return True

    assert sum(await asyncio.gather(*map(change, range(64)))) == 1


async def test_identities_are_made_in_services_as_their_constraints_say() -> None:
    cloud = await Policed.start()
    accounts, keys = "iam.projects.serviceAccounts", "iam.projects.serviceAccounts.keys"
    account = (await cloud.ask(f"{accounts}.create", {"accountId": "robot-1"}, name=PROJECT))[
        "name"
    ]
    named = "iam.disableServiceAccount"
    cases: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        (f"{named}Creation", f"{accounts}.create", PROJECT, {"accountId": "robot-2"}),
        (f"{named}KeyCreation", f"{keys}.create", account, {}),
        (f"{named}KeyUpload", f"{keys}.upload", account, {"publicKeyData": "x"}),
    )
    for constraint, method, name, document in cases:
        await cloud.set(constraint, {"enforce": True})
        told = await cloud.refused(method, document, name=name)
        assert told.code.name == "FAILED_PRECONDITION", (constraint, told.message)
        await cloud.unset(constraint)
    value = f"is:principalSet://iam.googleapis.com/{cloud.organization}"
    await cloud.set("iam.allowedPolicyMemberDomains", {"values": {"allowedValues": [value]}})
    role, who = "roles/iam.serviceAccountTokenCreator", "user:somebody@example.test"
    wrong = {"policy": {"bindings": [{"role": role, "members": [who]}]}}
    told = await cloud.refused(f"{accounts}.setIamPolicy", wrong, resource=account)
    assert told.code.name == "FAILED_PRECONDITION"


async def test_a_provider_is_neither_made_nor_turned_to_trust_another_issuer() -> None:
    cloud = await Policed.start()
    pools = "iam.projects.locations.workloadIdentityPools"
    where = f"{PROJECT}/locations/global"
    await cloud.ask(f"{pools}.create", query={"workloadIdentityPoolId": "pool-1"}, parent=where)
    good, evil = "https://id.example.test", "https://evil.example.test"
    rule = {"values": {"allowedValues": [good]}}
    await cloud.set("iam.workloadIdentityPoolProviders", rule)
    mapping = {"attributeMapping": {"google.subject": "assertion.sub"}}
    pool = f"{where}/workloadIdentityPools/pool-1"
    for issuer, refused in ((evil, True), (good, False)):
        document = mapping | {"oidc": {"issuerUri": issuer}}
        asked: dict[str, Any] = {
            "query": {"workloadIdentityPoolProviderId": "corp"},
            "parent": pool,
        }
        ask = cloud.refused if refused else cloud.ask
        await ask(f"{pools}.providers.create", document, **asked)
    for mask in ("oidc", "oidc.issuerUri"):
        told = await cloud.refused(
            f"{pools}.providers.patch",
            {"oidc": {"issuerUri": evil}},
            query={"updateMask": mask},
            name=f"{pool}/providers/corp",
        )
        assert told.code.name in {"FAILED_PRECONDITION", "INVALID_ARGUMENT"}, told.message
    named = await cloud.ask(
        f"{pools}.providers.patch",
        {"displayName": "Corp"},
        query={"updateMask": "displayName"},
        name=f"{pool}/providers/corp",
    )
    assert named["response"]["oidc"]["issuerUri"] == good
