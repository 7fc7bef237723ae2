"""Organization policy over identities, through the gate: accounts, keys, tokens, pools, roles."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from rempart.core.errors import Code
from rempart.trust.identity import signing_keys
from services.orgpolicy.test_custom_constraints import ENFORCED, define
from support.cloud_iam import certificate, date, email, path, rsa_key
from support.federated import CLOUD_PLATFORM
from support.org_policies import PROJECT, Policed

ACCOUNT = "iam.projects.serviceAccounts"
KEYS = f"{ACCOUNT}.keys"
TOKEN = "iamcredentials.projects.serviceAccounts.generateAccessToken"
WORKLOAD = "iam.projects.locations.workloadIdentityPools"
WORKFORCE = "iam.locations.workforcePools"
SMALL = {"keyAlgorithm": "KEY_ALG_RSA_2048"}
PEOPLE = "locations/global/workforcePools/people-1"


@pytest.fixture(autouse=True)
def _small_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_keys, "KEY_BITS", 2048)


async def account(cloud: Policed, id_: str, **given: str) -> dict[str, Any]:
    body = {"accountId": id_, "serviceAccount": given}
    return await cloud.ask(f"{ACCOUNT}.create", body, name=PROJECT)


def upload(cloud: Policed) -> dict[str, str]:
    return {"publicKeyData": certificate(rsa_key(), date(cloud.cloud.clock()))}


async def test_accounts_and_keys_are_made_only_where_policy_admits_them() -> None:
    cloud = await Policed.start()
    await account(cloud, "robot-1")
    made = (f"{KEYS}.create", SMALL), (f"{KEYS}.upload", upload(cloud))
    await cloud.set("iam.disableServiceAccountCreation", {"enforce": True})
    told = await cloud.refused(f"{ACCOUNT}.create", {"accountId": "robot-2"}, name=PROJECT)
    assert told.code is Code.FAILED_PRECONDITION
    for constraint, method, document, other in (
        ("iam.disableServiceAccountKeyCreation", *made[0], made[1]),
        ("iam.managed.disableServiceAccountKeyUpload", *made[1], made[0]),
    ):
        await cloud.set(constraint, {"enforce": True})
        told = await cloud.refused(method, document, name=path("robot-1"))
        assert f"constraints/{constraint}" in str(told.details)
        await cloud.ask(other[0], other[1], name=path("robot-1"))
        await cloud.unset(constraint)


async def test_a_custom_constraint_judges_accounts_and_providers() -> None:
    cloud = await Policed.start()
    kind = ["iam.googleapis.com/ServiceAccount"]
    await define(cloud, "named", "resource.description == ''", resourceTypes=kind)
    await cloud.set("custom.named", ENFORCED)
    await account(cloud, "robot-1", description="It moves boxes.")
    told = await cloud.refused(f"{ACCOUNT}.create", {"accountId": "robot-2"}, name=PROJECT)
    assert "customConstraints/custom.named" in told.message
    await people(cloud)
    kind = ["iam.googleapis.com/WorkforcePoolProvider"]
    condition = "resource.oidc.issuerUri != 'https://id.example.test'"
    await define(cloud, "ours", condition, resourceTypes=kind)
    await cloud.set("custom.ours", ENFORCED)
    query = {"workforcePoolProviderId": "corp"}
    good = sign_in("https://id.example.test")
    await cloud.ask(f"{WORKFORCE}.providers.create", good, query=query, parent=PEOPLE)
    query = {"updateMask": "oidc"}
    for method, given, words in (
        ("create", {"workforcePoolProviderId": "evil"}, {"parent": PEOPLE}),
        ("patch", {"updateMask": "oidc"}, {"name": f"{PEOPLE}/providers/corp"}),
    ):
        bad = sign_in("https://evil.example.test")
        told = await cloud.refused(f"{WORKFORCE}.providers.{method}", bad, query=given, **words)
        assert "customConstraints/custom.ours" in told.message


def sign_in(issuer: str) -> dict[str, Any]:
    oidc = {
        "issuerUri": issuer,
        "clientId": "c",
        "webSsoConfig": {
            "responseType": "CODE",
            "assertionClaimsBehavior": "ONLY_ID_TOKEN_CLAIMS",
        },
        "clientSecret": {"value": {"plainText": "s" * 20}},
    }
    return {"oidc": oidc, "attributeMapping": {"google.subject": "assertion.sub"}}


async def people(cloud: Policed) -> None:
    """Make a pool of the organization's people."""
    query, given = {"workforcePoolId": "people-1"}, {"parent": cloud.organization}
    await cloud.ask(f"{WORKFORCE}.create", given, query=query, location="locations/global")


async def test_a_token_lives_up_to_twelve_hours_where_a_policy_names_its_account() -> None:
    cloud = await Policed.start()
    await account(cloud, "robot-1")
    binding = {
        "role": "roles/iam.serviceAccountTokenCreator",
        "members": [f"serviceAccount:{cloud.cloud.key['client_email']}"],
    }
    given = {"policy": {"bindings": [binding]}}
    await cloud.ask(f"{ACCOUNT}.setIamPolicy", given, resource=path("robot-1"))
    asked = {"scope": [CLOUD_PLATFORM], "lifetime": "43200s"}
    name = f"projects/-/serviceAccounts/{email('robot-1')}"
    await cloud.refused(TOKEN, asked, name=name)
    constraint = "iam.allowServiceAccountCredentialLifetimeExtension"
    await cloud.set(constraint, {"values": {"allowedValues": [email("robot-2")]}})
    await cloud.refused(TOKEN, asked, name=name)
    await cloud.set(constraint, {"values": {"allowedValues": [email("robot-1")]}})
    answer = await cloud.ask(TOKEN, asked, name=name)
    ends = datetime.fromisoformat(answer["expireTime"])
    assert ends - date(cloud.cloud.clock()) == timedelta(hours=12)
    await cloud.refused(TOKEN, asked | {"lifetime": "43201s"}, name=name)


async def test_new_keys_expire_when_policy_says_and_uploaded_ones_when_their_certificate_does() -> (
    None
):
    cloud = await Policed.start()
    await account(cloud, "robot-1")
    constraint = "iam.serviceAccountKeyExpiryHours"
    await cloud.refused(
        "orgpolicy.organizations.policies.create",
        {
            "name": f"{cloud.organization}/policies/{constraint}",
            "spec": {"rules": [{"values": {"allowedValues": ["5h"]}}]},
        },
        parent=cloud.organization,
    )
    await cloud.set(constraint, {"values": {"allowedValues": ["24h", "8h"]}})
    made = await cloud.ask(f"{KEYS}.create", SMALL, name=path("robot-1"))
    hours = timedelta(hours=8)
    assert _time(made["validBeforeTime"]) - _time(made["validAfterTime"]) == hours
    shown = await cloud.ask(
        f"{KEYS}.get", name=made["name"], query={"publicKeyType": "TYPE_X509_PEM_FILE"}
    )
    assert base64.b64decode(shown["publicKeyData"]).startswith(b"-----BEGIN CERTIFICATE")
    taken = await cloud.ask(f"{KEYS}.upload", upload(cloud), name=path("robot-1"))
    assert _time(taken["validBeforeTime"]) - date(cloud.cloud.clock()) == timedelta(days=30)
    await cloud.set(constraint, {"denyAll": True})
    made = await cloud.ask(f"{KEYS}.create", SMALL, name=path("robot-1"))
    assert _time(made["validBeforeTime"]) - _time(made["validAfterTime"]) == timedelta(hours=1)
    await cloud.unset(constraint)
    made = await cloud.ask(f"{KEYS}.create", SMALL, name=path("robot-1"))
    assert made["validBeforeTime"].startswith("9999-")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_only_listed_issuers_are_trusted_by_workload_pools() -> None:
    cloud = await Policed.start()
    above = f"{PROJECT}/locations/global"
    query = {"workloadIdentityPoolId": "pool-1"}
    await cloud.ask(f"{WORKLOAD}.create", {}, query=query, parent=above)
    pool = f"{above}/workloadIdentityPools/pool-1"
    good = "https://id.example.test"
    await cloud.set("iam.workloadIdentityPoolProviders", {"values": {"allowedValues": [good]}})
    document: dict[str, Any] = {"attributeMapping": {"google.subject": "assertion.sub"}}
    create = f"{WORKLOAD}.providers.create"
    for id_, issuer in (("idp-1", good), ("idp-2", "https://evil.example.test")):
        query = {"workloadIdentityPoolProviderId": id_}
        given = document | {"oidc": {"issuerUri": issuer}}
        if issuer == good:
            await cloud.ask(create, given, query=query, parent=pool)
        else:
            await cloud.refused(create, given, query=query, parent=pool)
    name, query = f"{pool}/providers/idp-1", {"updateMask": "oidc.issuerUri"}
    bad = {"oidc": {"issuerUri": "https://evil.example.test"}}
    await cloud.refused(f"{WORKLOAD}.providers.patch", bad, query=query, name=name)
    query = {"updateMask": "displayName"}
    given = {"displayName": "ours"}
    await cloud.ask(f"{WORKLOAD}.providers.patch", given, query=query, name=name)


async def an_account(cloud: Policed) -> tuple[str, str]:
    await account(cloud, "robot-1")
    return f"{ACCOUNT}.setIamPolicy", path("robot-1")


async def a_tag_key(cloud: Policed) -> tuple[str, str]:
    given = {"parent": cloud.organization, "shortName": "env"}
    made = await cloud.ask("cloudresourcemanager.tagKeys.create", given)
    return "cloudresourcemanager.tagKeys.setIamPolicy", made["response"]["name"]


async def a_tag_value(cloud: Policed) -> tuple[str, str]:
    given = {"parent": (await a_tag_key(cloud))[1], "shortName": "prod"}
    made = await cloud.ask("cloudresourcemanager.tagValues.create", given)
    return "cloudresourcemanager.tagValues.setIamPolicy", made["response"]["name"]


async def an_access_policy(cloud: Policed) -> tuple[str, str]:
    given = {"parent": cloud.organization, "title": "t"}
    made = await cloud.ask("accesscontextmanager.accessPolicies.create", given)
    return "accesscontextmanager.accessPolicies.setIamPolicy", made["response"]["name"]


async def a_pool_of_people(cloud: Policed) -> tuple[str, str]:
    return f"{WORKFORCE}.setIamPolicy", PEOPLE


@pytest.mark.parametrize(
    ("make", "role"),
    [
        (an_account, "roles/iam.serviceAccountUser"),
        (a_tag_key, "roles/resourcemanager.tagUser"),
        (a_tag_value, "roles/resourcemanager.tagUser"),
        (an_access_policy, "roles/accesscontextmanager.policyReader"),
        (a_pool_of_people, "roles/iam.workforcePoolViewer"),
    ],
)
async def test_roles_go_to_principals_of_permitted_organizations_alone(
    make: Callable[[Policed], Awaitable[tuple[str, str]]], role: str
) -> None:
    cloud = await Policed.start()
    await people(cloud)
    method, name = await make(cloud)
    value = f"is:principalSet://iam.googleapis.com/{cloud.organization}"
    await cloud.set("iam.allowedPolicyMemberDomains", {"values": {"allowedValues": [value]}})
    own = f"principal://iam.googleapis.com/{PEOPLE}/subject/anna"
    theirs = own.replace("people-1", "people-2")

    def to(*members: str) -> dict[str, Any]:
        return {"policy": {"bindings": [{"role": role, "members": list(members)}]}}

    await cloud.ask(method, to(own), resource=name)
    for stranger in (theirs, "user:somebody@example.test"):
        told = await cloud.refused(method, to(own, stranger), resource=name)
        assert "do not belong to a permitted customer" in told.message
