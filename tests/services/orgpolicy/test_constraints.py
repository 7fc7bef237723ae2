"""Each constraint by what it lets pass and what it refuses, asked through the gate."""

from __future__ import annotations

from typing import Any

import pytest

from support.org_policies import HERE, LOCATION, PROJECT, THERE, Policed

ENFORCED = {"enforce": True}
UNIFORM = {"uniformBucketLevelAccess": {"enabled": True}}
THERE_LOCATION = f"{PROJECT}/locations/{THERE}"


def allow(*values: str) -> dict[str, Any]:
    return {"values": {"allowedValues": list(values)}}


def deny(*values: str) -> dict[str, Any]:
    return {"values": {"deniedValues": list(values)}}


async def test_without_a_policy_nothing_is_refused() -> None:
    cloud = await Policed.start()
    await cloud.bucket("b-there", location=THERE)
    await cloud.ring(location=THERE_LOCATION)


async def test_resources_lie_only_where_they_may() -> None:
    cloud = await Policed.start()
    for value in (HERE, f"is:{HERE}", f"in:{HERE}-locations"):
        await cloud.set("gcp.resourceLocations", allow(value))
        await cloud.bucket(f"b-{value.replace(':', '-')}")
    ring = await cloud.ring()
    await cloud.key(ring, "k")
    told = await cloud.refused(
        "storage.buckets.insert",
        {"name": "b-there", "location": THERE},
        query={"project": "lab:demo"},
    )
    assert (told.status, told.reason) == (412, "conditionNotMet")
    assert (
        told.message == f"'{THERE.upper()}' violates constraint 'constraints/gcp.resourceLocations'"
    )
    rings = "cloudkms.projects.locations.keyRings.create"
    told = await cloud.refused(rings, query={"keyRingId": "r"}, parent=THERE_LOCATION)
    assert told.code.name == "FAILED_PRECONDITION"
    assert told.info is not None
    assert told.info.reason == "LOCATION_ORG_POLICY_VIOLATED"
    assert dict(told.info.metadata)["location"] == f"locations/{THERE}"
    assert "violates constraint 'constraints/gcp.resourceLocations'" in told.message


async def test_a_group_holds_the_regions_whose_names_begin_as_it_says() -> None:
    cloud = await Policed.start()
    await cloud.set("gcp.resourceLocations", deny("in:u-locations"))
    await cloud.refused(
        "storage.buckets.insert", {"name": "b-x", "location": HERE}, query={"project": "lab:demo"}
    )
    told = await cloud.refused(
        "orgpolicy.organizations.policies.create",
        {
            "name": f"{cloud.organization}/policies/gcp.resourceLocations",
            "spec": {"rules": [allow("in:mars-locations")]},
        },
        parent=cloud.organization,
    )
    assert told.code.name == "INVALID_ARGUMENT"


async def test_where_keys_are_required_nothing_is_written_without_one() -> None:
    cloud = await Policed.start()
    key = await cloud.usable_key()
    await cloud.bucket("before")
    await cloud.upload("before", "old")
    await cloud.set("gcp.restrictNonCmekServices", deny("is:storage.googleapis.com"))
    new = {"name": "new", "location": HERE}
    told = await cloud.refused("storage.buckets.insert", new, query={"project": "lab:demo"})
    assert told.status == 412
    assert told.message == "Request violates constraint 'constraints/gcp.restrictNonCmekServices'"
    await cloud.bucket("new", encryption={"defaultKmsKeyName": key})
    await cloud.upload("new", "object")
    await cloud.ask("storage.buckets.patch", {"labels": {"a": "b"}}, bucket="before")
    await cloud.refused("storage.buckets.patch", {"encryption": None}, bucket="new")
    await cloud.refused("storage.buckets.update", {}, bucket="new")
    for query in ({"uploadType": "media"}, {"uploadType": "resumable"}):
        asked = {**query, "name": "object"}
        await cloud.refused("storage.objects.insert", query=asked, body=b"x", bucket="before")
    await cloud.upload("before", "object", kmsKeyName=key)


async def test_a_copy_a_rewrite_and_a_composition_need_the_key_too() -> None:
    cloud = await Policed.start()
    key = await cloud.usable_key()
    await cloud.bucket("plain")
    await cloud.upload("plain", "old")
    await cloud.set("gcp.restrictNonCmekServices", deny("storage.googleapis.com"))
    path: dict[str, Any] = {
        "sourceBucket": "plain",
        "sourceObject": "old",
        "destinationBucket": "plain",
        "destinationObject": "new",
    }
    for verb in ("copy", "rewrite"):
        told = await cloud.refused(f"storage.objects.{verb}", **path)
        assert told.status == 412
        await cloud.ask(f"storage.objects.{verb}", query={"destinationKmsKeyName": key}, **path)
    joined: dict[str, Any] = {"destinationBucket": "plain", "destinationObject": "joined"}
    parts = {"sourceObjects": [{"name": "old"}, {"name": "new"}]}
    await cloud.refused("storage.objects.compose", parts, **joined)
    await cloud.ask("storage.objects.compose", parts, query={"kmsKeyName": key}, **joined)


async def test_an_own_key_is_no_customer_managed_key() -> None:
    cloud = await Policed.start()
    await cloud.set("gcp.restrictNonCmekServices", deny("storage.googleapis.com"))
    headers = {
        "x-goog-encryption-algorithm": "AES256",
        "x-goog-encryption-key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "x-goog-encryption-key-sha256": "Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=",
    }
    told = await cloud.refused(
        "storage.objects.insert",
        query={"uploadType": "media", "name": "o"},
        body=b"x",
        headers=headers,
        bucket=cloud.cloud.bucket,
    )
    assert told.status == 412


async def test_keys_come_from_the_projects_that_may_supply_them() -> None:
    cloud = await Policed.start()
    key = await cloud.usable_key()
    constraint = "gcp.restrictCmekCryptoKeyProjects"
    await cloud.set(constraint, allow("projects/lab:vault"))
    new = {"name": "new", "location": HERE, "encryption": {"defaultKmsKeyName": key}}
    await cloud.refused("storage.buckets.insert", new, query={"project": "lab:demo"})
    asked = {"uploadType": "media", "name": "o", "kmsKeyName": key}
    await cloud.refused("storage.objects.insert", query=asked, body=b"x", bucket=cloud.cloud.bucket)
    for value in (f"under:{cloud.organization}", f"under:{cloud.folder}", PROJECT):
        await cloud.set(constraint, allow(value))
        await cloud.upload(cloud.cloud.bucket, "o", kmsKeyName=key)


async def test_a_service_that_is_restricted_answers_nobody_not_even_readers() -> None:
    cloud = await Policed.start()
    await cloud.set("gcp.restrictServiceUsage", deny("storage.googleapis.com"))
    told = await cloud.refused("storage.buckets.get", bucket=cloud.cloud.bucket)
    assert told.status == 403
    assert told.info is not None
    assert told.info.reason == "RESOURCE_USAGE_RESTRICTION_VIOLATED"
    assert dict(told.info.metadata) == {"consumer": PROJECT, "service": "storage.googleapis.com"}
    await cloud.ring()
    await cloud.set("gcp.restrictServiceUsage", allow("storage.googleapis.com"))
    await cloud.ask("storage.buckets.get", bucket=cloud.cloud.bucket)
    rings = "cloudkms.projects.locations.keyRings.list"
    assert (await cloud.refused(rings, parent=LOCATION)).status == 403


async def test_who_restricts_services_can_still_lift_it() -> None:
    cloud = await Policed.start()
    await cloud.set("gcp.restrictServiceUsage", {"denyAll": True})
    await cloud.refused("storage.buckets.get", bucket=cloud.cloud.bucket)
    await cloud.unset("gcp.restrictServiceUsage")
    await cloud.ask("storage.buckets.get", bucket=cloud.cloud.bucket)


async def test_new_buckets_are_uniform_and_uniform_ones_stay_so() -> None:
    cloud = await Policed.start()
    await cloud.set("storage.uniformBucketLevelAccess", ENFORCED)
    new = {"name": "fine", "location": HERE}
    told = await cloud.refused("storage.buckets.insert", new, query={"project": "lab:demo"})
    told_of = "Request violates constraint 'constraints/storage.uniformBucketLevelAccess'"
    assert (told.message, told.field) == (told_of, "If-Match")
    await cloud.bucket("uniform", iamConfiguration=UNIFORM)
    off = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False}}}
    await cloud.refused("storage.buckets.patch", off, bucket="uniform")
    await cloud.ask("storage.buckets.patch", {"labels": {"a": "b"}}, bucket=cloud.cloud.bucket)


async def test_nothing_is_public_where_that_is_prevented() -> None:
    cloud = await Policed.start()
    bucket = cloud.cloud.bucket
    await cloud.upload(bucket, "o")
    await cloud.grant(bucket, "allUsers")
    await cloud.ask("storage.objects.get", bucket=bucket, object="o", anonymous=True)
    await cloud.set("storage.publicAccessPrevention", ENFORCED)
    told = await cloud.refused("storage.objects.get", bucket=bucket, object="o", anonymous=True)
    assert told.status == 401
    await cloud.grant(bucket, "allUsers")  # It was there before.
    await cloud.bucket("another")
    for member in ("allUsers", "allAuthenticatedUsers"):
        bindings = [{"role": "roles/storage.objectViewer", "members": [member]}]
        document = {"bindings": bindings}
        told = await cloud.refused("storage.buckets.setIamPolicy", document, bucket="another")
        assert told.status == 412
    entry = {"entity": "allUsers", "role": "READER"}
    await cloud.refused("storage.bucketAccessControls.insert", entry, bucket="another")
    await cloud.refused("storage.defaultObjectAccessControls.insert", entry, bucket="another")
    asked = {"uploadType": "media", "name": "p", "predefinedAcl": "publicRead"}
    await cloud.refused("storage.objects.insert", query=asked, body=b"x", bucket="another")
    await cloud.upload("another", "p")
    public = {"predefinedAcl": "publicRead"}
    await cloud.refused("storage.objects.patch", query=public, bucket="another", object="p")
    new = {"name": "third", "location": HERE}
    query = {"project": "lab:demo", "predefinedDefaultObjectAcl": "publicRead"}
    await cloud.refused("storage.buckets.insert", new, query=query)


@pytest.mark.parametrize(
    ("constraint", "member", "field"),
    [
        ("storage.retentionPolicySeconds", "retentionPolicy", "retentionPeriod"),
        ("storage.softDeletePolicySeconds", "softDeletePolicy", "retentionDurationSeconds"),
    ],
)
async def test_periods_of_buckets_are_those_listed(
    constraint: str, member: str, field: str
) -> None:
    cloud = await Policed.start()
    week = str(7 * 86400)
    await cloud.set(constraint, allow("864000"))
    wrong: dict[str, Any] = {member: {field: week}}
    right: dict[str, Any] = {member: {field: "864000"}}
    new = {"name": "new", "location": HERE}
    for document in (new, {**new, **wrong}):
        if member not in document and member == "softDeletePolicy":
            continue  # Its default is a week.
        told = await cloud.refused(
            "storage.buckets.insert", document, query={"project": "lab:demo"}
        )
        assert told.status == 412
    await cloud.bucket("new", **right)
    await cloud.refused("storage.buckets.patch", wrong, bucket="new")
    await cloud.ask("storage.buckets.patch", {"labels": {"a": "b"}}, bucket=cloud.cloud.bucket)


NO_HMAC_KEYS = (
    ("storage.restrictAuthTypes", deny("in:ALL_HMAC_SIGNED_REQUESTS")),
    ("storage.restrictAuthTypes", deny("SERVICE_ACCOUNT_HMAC_SIGNED_REQUESTS")),
    ("iam.disableServiceAccountKeyCreation", ENFORCED),
    ("iam.managed.disableServiceAccountKeyCreation", ENFORCED),
)


async def test_no_hmac_keys_are_made_where_keys_are_not_wanted() -> None:
    cloud = await Policed.start()
    create = "storage.projects.hmacKeys.create"
    path: dict[str, Any] = {"projectId": "lab:demo"}
    query = {"serviceAccountEmail": cloud.cloud.key["client_email"]}
    for constraint, rule in NO_HMAC_KEYS:
        await cloud.set(constraint, rule)
        told = await cloud.refused(create, query=query, **path)
        assert told.message == f"Request violates constraint 'constraints/{constraint}'"
        await cloud.unset(constraint)
    await cloud.ask(create, query=query, **path)


async def test_no_request_comes_without_tls_where_that_is_refused() -> None:
    cloud = await Policed.start()
    await cloud.set("storage.secureHttpTransport", ENFORCED)
    plain: dict[str, Any] = {"base_url": "http://127.0.0.1:9000", "bucket": cloud.cloud.bucket}
    assert (await cloud.refused("storage.buckets.get", **plain)).status == 412
    await cloud.ask("storage.buckets.get", bucket=cloud.cloud.bucket)


async def test_keys_have_the_protection_levels_that_are_listed() -> None:
    cloud = await Policed.start()
    ring = await cloud.ring()
    keys = "cloudkms.projects.locations.keyRings.cryptoKeys.create"
    await cloud.set("cloudkms.allowedProtectionLevels", allow("HSM"))
    document = {"purpose": "ENCRYPT_DECRYPT"}
    told = await cloud.refused(keys, document, query={"cryptoKeyId": "k"}, parent=ring)
    [failure] = told.details
    assert str(failure["@type"]).endswith("google.rpc.PreconditionFailure")
    assert failure["violations"] == [
        {
            "type": "constraints/cloudkms.allowedProtectionLevels",
            "subject": f"orgpolicy:{PROJECT}?configvalue=SOFTWARE",
            "description": told.message,
        }
    ]
    await cloud.set("cloudkms.allowedProtectionLevels", allow("SOFTWARE"))
    await cloud.key(ring, "k")


async def test_keys_leave_at_least_the_time_before_destruction_that_is_asked_for() -> None:
    cloud = await Policed.start()
    ring = await cloud.ring()
    keys = "cloudkms.projects.locations.keyRings.cryptoKeys.create"
    await cloud.set("cloudkms.minimumDestroyScheduledDuration", allow("in:15d"))
    for days, passes in ((14, False), (15, True), (16, True)):
        document = {"purpose": "ENCRYPT_DECRYPT", "destroyScheduledDuration": f"{days * 86400}s"}
        asked: dict[str, Any] = {"query": {"cryptoKeyId": f"k{days}"}, "parent": ring}
        if passes:
            await cloud.ask(keys, document, **asked)
        else:
            await cloud.refused(keys, document, **asked)


async def test_a_version_in_use_is_disabled_before_it_is_destroyed() -> None:
    cloud = await Policed.start()
    version = f"{await cloud.key(await cloud.ring(), 'k')}/cryptoKeyVersions/1"
    noun = "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions"
    await cloud.set("cloudkms.disableBeforeDestroy", ENFORCED)
    told = await cloud.refused(f"{noun}.destroy", name=version)
    assert "cloudkms.disableBeforeDestroy" in told.message
    mask = {"updateMask": "state"}
    await cloud.ask(f"{noun}.patch", {"state": "DISABLED"}, query=mask, name=version)
    await cloud.ask(f"{noun}.destroy", name=version)


async def test_only_principals_of_listed_organizations_are_given_roles() -> None:
    cloud = await Policed.start()
    await cloud.add_project("lab:outside", "")
    for id_ in ("robot-1", "service-222222222222"):
        await cloud.make_account("lab:outside", id_)
    value = f"is:principalSet://iam.googleapis.com/{cloud.organization}"
    await cloud.set("iam.allowedPolicyMemberDomains", allow(value))
    bucket = cloud.cloud.bucket
    own = f"serviceAccount:{cloud.cloud.key['client_email']}"
    agent = await cloud.ask("storage.projects.serviceAccount.get", projectId="lab:demo")
    pool = (
        "principalSet://iam.googleapis.com/projects/{}/locations/global/workloadIdentityPools/p/*"
    )
    number = agent["email_address"].partition("@")[0].removeprefix("service-")
    await cloud.grant(bucket, own, f"serviceAccount:{agent['email_address']}", pool.format(number))
    for member in (
        "allUsers",
        "user:somebody@example.test",
        "serviceAccount:robot-1@outside.lab.iam.gserviceaccount.com",
        "serviceAccount:service-222222222222@outside.lab.iam.gserviceaccount.com",
        "serviceAccount:robot-1@demo.lab.iam.gserviceaccount.com.evil.test",
        pool.format("333333333333"),
    ):
        with pytest.raises(Exception, match="do not belong to a permitted customer"):
            await cloud.grant(bucket, own, member)
    entry = {"entity": "user-somebody@example.test", "role": "READER"}
    await cloud.refused("storage.bucketAccessControls.insert", entry, bucket=bucket)
    ring = await cloud.ring()
    binding = {"role": "roles/cloudkms.admin", "members": ["user:somebody@example.test"]}
    told = await cloud.refused(
        "cloudkms.projects.locations.keyRings.setIamPolicy",
        {"policy": {"bindings": [binding]}},
        resource=ring,
    )
    assert told.message == (
        "One or more users named in the policy do not belong to a permitted customer."
    )
    violation = {
        "type": "constraints/iam.allowedPolicyMemberDomains",
        "subject": f"orgpolicy:{PROJECT}?configvalue=user%3Asomebody%40example.test",
        "description": "User somebody@example.test is not in permitted organization.",
    }
    assert told.details[0]["violations"] == [violation]


async def test_the_managed_form_names_members_and_organizations_in_its_parameters() -> None:
    cloud = await Policed.start()
    parameters = {
        "allowedMemberSubjects": ["user:friend@example.test"],
        "allowedPrincipalSets": [f"//cloudresourcemanager.googleapis.com/{cloud.organization}"],
    }
    await cloud.set("iam.managed.allowedPolicyMembers", {"enforce": True, "parameters": parameters})
    own = f"serviceAccount:{cloud.cloud.key['client_email']}"
    await cloud.grant(cloud.cloud.bucket, own, "user:friend@example.test")
    with pytest.raises(Exception, match="permitted customer"):
        await cloud.grant(cloud.cloud.bucket, "user:enemy@example.test")
