"""Predefined roles, what may be granted and tested where, and what is wrong with a condition."""

from __future__ import annotations

from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.trust.policy.roles import PERMISSIONS, ROLES
from support.cloud_iam import PROJECT, Iam, path

MANAGER = "//cloudresourcemanager.googleapis.com/"


async def test_every_role_is_listed_once_however_small_the_pages() -> None:
    iam = await Iam.start()
    seen, token = list[str](), ""
    while True:
        query = {"pageSize": "10", "pageToken": token}
        page = await iam.ask("iam.roles.list", query=query)
        assert all("includedPermissions" not in one for one in page["roles"])
        seen += [one["name"] for one in page["roles"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert seen == sorted(ROLES)


async def test_a_role_tells_what_it_carries() -> None:
    iam = await Iam.start()
    shown = await iam.ask("iam.roles.get", "roles/iam.roleViewer")
    assert shown["title"] == "Role Viewer"
    assert "iam.roles.get" in shown["includedPermissions"]
    with pytest.raises(CloudError) as caught:
        await iam.ask("iam.roles.get", "roles/iam.emperor")
    assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        (f"{MANAGER}{PROJECT}", "roles/viewer", "roles/iam.denyAdmin"),
        (
            "//localhost:8443/cloudresourcemanager/projects/lab%3Ademo",
            "roles/viewer",
            "roles/iam.denyAdmin",
        ),
        (f"{MANAGER}organizations/1", "roles/iam.denyAdmin", "roles/storage.legacyBucketReader"),
        (f"//iam.googleapis.com/{path('robot-1')}", "roles/iam.serviceAccountUser", "roles/owner"),
        (
            "//storage.googleapis.com/projects/_/buckets/b",
            "roles/storage.legacyBucketReader",
            "roles/cloudkms.admin",
        ),
        (
            f"//cloudkms.googleapis.com/{PROJECT}/locations/l/keyRings/r/cryptoKeys/k",
            "roles/cloudkms.cryptoKeyDecrypter",
            "roles/storage.admin",
        ),
    ],
)
async def test_roles_are_grantable_where_a_policy_takes_them(
    name: str, has: str, lacks: str
) -> None:
    iam = await Iam.start()
    answer = await iam.ask("iam.roles.queryGrantableRoles", document={"fullResourceName": name})
    names = {one["name"] for one in answer["roles"]}
    assert has in names
    assert lacks not in names


@pytest.mark.parametrize("name", ["", "projects/p", "//x/y", f"{MANAGER}liens/1", "//storage/b"])
@pytest.mark.parametrize(
    "method",
    [
        "roles.queryGrantableRoles",
        "permissions.queryTestablePermissions",
        "iamPolicies.queryAuditableServices",
    ],
)
async def test_what_has_no_policy_is_refused(method: str, name: str) -> None:
    iam = await Iam.start()
    with pytest.raises(CloudError) as caught:
        await iam.ask(f"iam.{method}", document={"fullResourceName": name})
    assert caught.value.field == "fullResourceName"


async def _testable(iam: Iam, name: str) -> dict[str, dict[str, Any]]:
    found, token = dict[str, dict[str, Any]](), ""
    while True:
        document = {"fullResourceName": name, "pageSize": 1000, "pageToken": token}
        page = await iam.ask("iam.permissions.queryTestablePermissions", document=document)
        found |= {one["name"]: one for one in page["permissions"]}
        token = page.get("nextPageToken", "")
        if not token:
            return found


async def test_permissions_are_testable_on_what_they_are_about() -> None:
    iam = await Iam.start()
    project = await _testable(iam, f"{MANAGER}{PROJECT}")
    above = {one for one in PERMISSIONS if "organizations." in one or "workforcePool" in one}
    assert above
    assert above.isdisjoint(project)
    organization = await _testable(iam, f"{MANAGER}organizations/123456789012")
    assert organization.keys() == PERMISSIONS
    assert project["iam.denypolicies.create"]["customRolesSupportLevel"] == "NOT_SUPPORTED"
    assert "customRolesSupportLevel" not in project["storage.objects.get"]
    bucket = await _testable(iam, "//storage.googleapis.com/projects/_/buckets/b")
    assert "storage.objects.get" in bucket
    assert all(name.startswith("storage.") for name in bucket)


async def test_a_condition_is_linted() -> None:
    iam = await Iam.start()
    good = {"condition": {"expression": "request.time < timestamp('2030-01-01T00:00:00Z')"}}
    assert await iam.ask("iam.iamPolicies.lintPolicy", document=good) == {}
    bad = {"condition": {"title": "t", "expression": "request.time <"}}
    [found] = (await iam.ask("iam.iamPolicies.lintPolicy", document=bad))["lintResults"]
    assert (found["severity"], found["fieldName"]) == ("ERROR", "condition.expression")
    with pytest.raises(CloudError) as caught:
        await iam.ask("iam.iamPolicies.lintPolicy", document={})
    assert caught.value.field == "condition"


async def test_services_whose_reads_can_be_logged_are_told() -> None:
    iam = await Iam.start()
    document = {"fullResourceName": f"{MANAGER}{PROJECT}"}
    answer = await iam.ask("iam.iamPolicies.queryAuditableServices", document=document)
    assert {"name": "storage.googleapis.com"} in answer["services"]


async def test_custom_roles_are_grantable_for_those_who_may_list_them() -> None:
    iam = await Iam.start()
    await iam.account("robot-1")
    key = await iam.key("robot-1")
    await iam.ask("iam.projects.roles.create", PROJECT, {"roleId": "mine", "role": {}})
    document = {"fullResourceName": f"{MANAGER}{PROJECT}"}
    for caller, sees in ((None, True), (key, False)):
        answer = await iam.ask("iam.roles.queryGrantableRoles", document=document, key=caller)
        names = {one["name"] for one in answer["roles"]}
        assert (f"{PROJECT}/roles/mine" in names) is sees
        assert "roles/owner" in names


def test_the_security_roles_see_every_policy_and_one_sets_them() -> None:
    reviewer, admin = (ROLES[f"roles/iam.security{one}"] for one in ("Reviewer", "Admin"))
    policies = {one for one in PERMISSIONS if one.endswith(".getIamPolicy")}
    assert policies <= reviewer.permissions
    assert {one.replace(".get", ".set") for one in policies} & PERMISSIONS <= admin.permissions
    assert not any(one.endswith(".setIamPolicy") for one in reviewer.permissions)
    assert not any("useTo" in one for one in admin.permissions)
