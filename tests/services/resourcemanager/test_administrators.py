"""The last who can set an organization's policy: nobody takes away everybody's way in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.core.names import ProjectId
from rempart.trust.identity import accounts
from rempart.trust.identity.federation.pools import POOLS, Pool
from rempart.trust.policy.custom_roles import CUSTOM_ROLES, CustomRole
from support.manager import Manager

ADMIN = "roles/resourcemanager.organizationAdmin"
PERMISSIONS = frozenset(("resourcemanager.organizations.setIamPolicy",))
POOLS_STEM = "locations/global/workforcePools"
GROUP = f"principalSet://iam.googleapis.com/{POOLS_STEM}/people/group/admins"
LATER = {"title": "later", "expression": "request.time > timestamp('2020-01-01T00:00:00Z')"}
ROBOT = "serviceAccount:robot-1@demo.lab.iam.gserviceaccount.com"
OFF = "serviceAccount:robot-2@demo.lab.iam.gserviceaccount.com"


def bound(member: str, role: str = ADMIN, **more: Any) -> list[dict[str, Any]]:
    return [{"role": role, "members": [member], **more}]


async def started() -> Manager:
    """Return a universe with an account, one out of use, three pools and two custom roles."""
    manager = await Manager.start()
    tx, world = manager.cloud.parts.sealed.transaction(), manager.cloud.parts.world
    own = manager.organization.split("/")
    await accounts.create_account(tx, "robot-1", ProjectId("lab:demo"), world=world)
    off = await accounts.create_account(tx, "robot-2", ProjectId("lab:demo"), world=world)
    tx.put(accounts.ACCOUNTS, off.email, value=replace(off, disabled=True))
    for id_, disabled in (("people", False), ("closed", True), ("rempart-bootstrap-1", False)):
        name = f"{POOLS_STEM}/{id_}"
        pool = Pool(name, manager.organization, "u", Micros(1), disabled=disabled)
        tx.put(POOLS, name, value=pool)
    for id_, stage in (("setter", "GA"), ("off", "DISABLED")):
        role = CustomRole(permissions=PERMISSIONS, created=Micros(1), stage=stage)
        tx.put(CUSTOM_ROLES, *own, id_, value=role)
    await tx.commit()
    return manager


def custom(manager: Manager, id_: str) -> str:
    return f"{manager.organization}/roles/{id_}"


async def set_policy(manager: Manager, *bindings: dict[str, Any]) -> None:
    document = {"policy": {"version": 3, "bindings": list(bindings)}}
    await manager.ask("organizations.setIamPolicy", document, resource=manager.organization)


@pytest.mark.parametrize(
    "bindings",
    [
        [],
        bound(ROBOT, "roles/owner"),
        bound(ROBOT, condition=LATER),
        bound(OFF),
        bound("user:ada@example.test"),
        bound("projectOwner:lab:demo"),
        bound(GROUP.replace("people", "closed")),
        bound(GROUP.replace("people", "nowhere")),
        bound(GROUP.replace("people", "rempart-bootstrap-1")),
        bound(f"deleted:{ROBOT}?uid=123"),
        bound(ROBOT, "off"),
    ],
)
async def test_the_last_administrator_of_an_organization_is_not_taken_away(
    bindings: list[dict[str, Any]],
) -> None:
    manager = await started()
    asked = [
        one | {"role": custom(manager, "off")} if one["role"] == "off" else one for one in bindings
    ]
    before = await manager.ask("organizations.getIamPolicy", resource=manager.organization)
    refused = await manager.refusal(
        "organizations.setIamPolicy",
        {"policy": {"version": 3, "bindings": asked}},
        resource=manager.organization,
    )
    assert refused.code is Code.FAILED_PRECONDITION
    assert refused.field == "policy.bindings"
    assert refused.info is not None
    assert refused.info.reason == "LAST_ADMINISTRATOR"
    assert "no way back" in refused.message
    after = await manager.ask("organizations.getIamPolicy", resource=manager.organization)
    assert after == before


@pytest.mark.parametrize(
    "member", [ROBOT, GROUP, GROUP.replace("Set:", ":").replace("group", "subject")]
)
async def test_whoever_can_sign_in_may_be_the_only_one_left(member: str) -> None:
    manager = await started()
    await set_policy(manager, *bound(OFF), *bound(member))
    with pytest.raises(CloudError, match="setIamPolicy"):
        await set_policy(manager, *bound(member))


async def test_a_custom_role_lets_somebody_set_the_policy_too() -> None:
    manager = await started()
    await set_policy(manager, *bound(ROBOT, custom(manager, "setter")))


async def test_where_nobody_is_left_anyway_other_changes_go_on() -> None:
    manager = await started()
    mine = f"serviceAccount:{manager.cloud.key['client_email']}"
    robot = bound(ROBOT)
    await set_policy(manager, *robot, *bound(mine, condition=LATER))
    tx = manager.cloud.parts.sealed.transaction()
    tx.delete(accounts.ACCOUNTS, ROBOT.partition(":")[2])
    await tx.commit()
    await set_policy(manager, *bound(mine, condition=LATER), *bound(mine, "roles/browser"))
