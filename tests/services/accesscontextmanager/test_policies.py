"""Access policies as IAM sees them: in their organization, under all that holds there."""

from __future__ import annotations

from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.deny import DENY_POLICIES, DenyPolicy, DenyRule
from rempart.trust.policy.hierarchy import ORGANIZATIONS
from support.cloud_iam import Iam, email

ACM = "accesscontextmanager.accessPolicies"
EDITOR = "roles/accesscontextmanager.policyEditor"
TITLES = "accesscontextmanager.googleapis.com/policies.update"


async def started() -> tuple[Iam, str, str]:
    """Return a universe, its organization, and an access policy that `robot-1` may edit."""
    iam = await Iam.start()
    await iam.account("robot-1")
    found = await iam.cloud.parts.sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=1)
    organization = f"organizations/{found[0].value.id}"
    body = {"parent": organization, "title": "all of it"}
    made = await iam.ask(f"{ACM}.create", document=body)
    name: str = made["response"]["name"]
    await give(iam, name, EDITOR)
    return iam, organization, name


async def give(iam: Iam, name: str, role: str) -> None:
    binding = {"role": role, "members": [f"serviceAccount:{email('robot-1')}"]}
    await iam.ask(f"{ACM}.setIamPolicy", name, {"policy": {"bindings": [binding]}})


async def rename(iam: Iam, name: str, key: Any) -> None:
    await iam.ask(f"{ACM}.patch", name, {"title": "mine"}, query={"updateMask": "title"}, key=key)


async def test_what_is_denied_on_an_organization_is_denied_on_its_access_policies() -> None:
    iam, organization, name = await started()
    key = await iam.key("robot-1")
    await rename(iam, name, key)
    rule = DenyRule(principals=("principalSet://goog/public:all",), permissions=(TITLES,))
    now = iam.cloud.clock()
    write = iam.cloud.parts.sealed.transaction()
    denial = DenyPolicy(uid="u", etag="e", created=now, updated=now, rules=(rule,))
    write.put(DENY_POLICIES, *organization.split("/"), "d", value=denial)
    await write.commit()
    with pytest.raises(CloudError) as refused:
        await rename(iam, name, key)
    assert refused.value.code is Code.PERMISSION_DENIED


async def test_a_role_of_an_organization_counts_on_its_access_policies() -> None:
    iam, organization, name = await started()
    key = await iam.key("robot-1")
    role = {"includedPermissions": ["accesscontextmanager.policies.update"], "stage": "GA"}
    await iam.ask(
        "iam.organizations.roles.create", organization, {"roleId": "titles", "role": role}
    )
    await give(iam, name, f"{organization}/roles/titles")
    await rename(iam, name, key)


async def test_a_strangers_question_about_a_number_is_not_put_to_every_project(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iam, _, _ = await started()
    key = await iam.key("robot-1")

    async def scan(*_: object, **__: object) -> None:
        raise AssertionError("all projects are gone through before anybody is authorised")

    monkeypatch.setattr(Transaction, "scan", scan)
    attached = "policies/cloudresourcemanager.googleapis.com%2Fprojects%2F999999999999/denypolicies"
    for method, name in (
        ("accesscontextmanager.projects.lookupConfiguredServicePerimeter", "projects/999999999999"),
        ("iam.policies.listPolicies", attached),
    ):
        with pytest.raises(CloudError) as refused:
            await iam.ask(method, name, key=key)
        assert refused.value.code is Code.PERMISSION_DENIED
