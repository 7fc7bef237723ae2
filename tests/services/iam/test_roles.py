"""Custom roles: what they may carry, how they change, end and come back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.services.iam.model import role as rules
from rempart.trust.policy.hierarchy import ORGANIZATIONS
from support.cloud_iam import ACCOUNT, DAY, PROJECT, USE, Iam, email, granting, path

ROLE = "iam.projects.roles"
NAME = f"{PROJECT}/roles/robots"
CARRIED = ["iam.serviceAccounts.get", USE]


async def _create(
    iam: Iam, role_id: str = "robots", noun: str = "projects", parent: str = PROJECT, **role: Any
) -> dict[str, Any]:
    body = {"roleId": role_id, "role": {"title": "Robots", "stage": "GA"} | role}
    return await iam.ask(f"iam.{noun}.roles.create", parent, body)


async def _refused(code: Code, iam: Iam, method: str, *args: Any, **more: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await iam.ask(method, *args, **more)
    assert caught.value.code is code, caught.value.message
    return caught.value


async def test_a_role_is_created_read_listed_and_changed() -> None:
    iam = await Iam.start()
    made = await _create(iam, includedPermissions=CARRIED, description="for robots")
    assert made["name"] == NAME
    assert made["includedPermissions"] == sorted(CARRIED)
    assert await iam.ask(f"{ROLE}.get", NAME) == made
    [basic] = (await iam.ask(f"{ROLE}.list", PROJECT))["roles"]
    assert "includedPermissions" not in basic
    [full] = (await iam.ask(f"{ROLE}.list", PROJECT, query={"view": "FULL"}))["roles"]
    assert full == made
    change = {"title": "New", "description": "ignored", "etag": made["etag"]}
    patched = await iam.ask(f"{ROLE}.patch", NAME, change, query={"updateMask": "title"})
    assert (patched["title"], patched["description"]) == ("New", "for robots")
    await _refused(Code.ABORTED, iam, f"{ROLE}.patch", NAME, change)


async def test_a_role_of_the_stage_alpha_does_not_say_so() -> None:
    iam = await Iam.start()
    assert "stage" not in await _create(iam, stage="ALPHA")


@pytest.mark.parametrize(
    ("role_id", "role"),
    [
        ("ro", {}),
        ("x" * 65, {}),
        ("ro-bots", {}),
        ("robots", {"title": "x" * (rules.TITLE_BYTES_MAX + 1)}),
        ("robots", {"description": "x" * (rules.DESCRIPTION_BYTES_MAX + 1)}),
        ("robots", {"stage": "SOON"}),
        ("robots", {"includedPermissions": ["storage.*"]}),
        ("robots", {"includedPermissions": ["*"]}),
        ("robots", {"includedPermissions": ["storage.objects.invent"]}),
        ("robots", {"includedPermissions": ["iam.denypolicies.create"]}),
        ("robots", {"includedPermissions": ["resourcemanager.folders.get"]}),
        ("robots", {"includedPermissions": ["resourcemanager.projects.list"]}),
        ("robots", {"includedPermissions": USE}),
        ("robots", {"color": "red"}),
    ],
)
async def test_what_no_role_of_a_project_may_be_is_refused(
    role_id: str, role: dict[str, Any]
) -> None:
    iam = await Iam.start()
    with pytest.raises(CloudError) as caught:
        await _create(iam, role_id, **role)
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_a_role_of_an_organization_may_carry_what_is_above_projects() -> None:
    iam = await Iam.start()
    organization = await _organization(iam)
    carried = ["resourcemanager.folders.get", "resourcemanager.projects.list"]
    made = await _create(iam, "top", "organizations", organization, includedPermissions=carried)
    assert made["name"] == f"{organization}/roles/top"
    grantable = await iam.ask(
        "iam.roles.queryGrantableRoles",
        document={"fullResourceName": f"//cloudresourcemanager.googleapis.com/{PROJECT}"},
    )
    assert made["name"] in [one["name"] for one in grantable["roles"]]


async def _organization(iam: Iam) -> str:
    [found] = await iam.cloud.parts.sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=2)
    return f"organizations/{found.value.id}"


def test_a_role_has_at_most_3000_permissions() -> None:
    document = {"includedPermissions": [USE] * (rules.PERMISSIONS_MAX + 1)}
    with pytest.raises(CloudError) as caught:
        rules.created(document, "projects", "e", Micros(0))
    assert caught.value.field == "role.includedPermissions"


def test_a_role_has_at_most_64_kib_of_texts_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules.ROLE_BYTES_MAX == 65_536
    monkeypatch.setattr(rules, "ROLE_BYTES_MAX", len(USE) + len("title"))
    rules.created({"includedPermissions": [USE], "title": "title"}, "projects", "e", Micros(0))
    with pytest.raises(CloudError) as caught:
        rules.created({"includedPermissions": [USE], "title": "titles"}, "projects", "e", Micros(0))
    assert caught.value.field == "role"


@given(st.text(max_size=70))
def test_ids_that_are_accepted_make_names_that_are_found(role_id: str) -> None:
    try:
        name = rules.new_name(PROJECT, role_id)
    except CloudError:
        return
    assert rules.role_name(name.full) == name


async def test_a_project_has_at_most_300_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules.ROLES_PER_CONTAINER_MAX == 300
    monkeypatch.setattr("rempart.services.iam.api.custom_roles.ROLES_PER_CONTAINER_MAX", 2)
    iam = await Iam.start()
    await _create(iam, "one")
    await _create(iam, "two")
    with pytest.raises(CloudError) as caught:
        await _create(iam, "three")
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    await iam.ask(f"{ROLE}.delete", f"{PROJECT}/roles/one")
    with pytest.raises(CloudError):
        await _create(iam, "three")
    iam.cloud.clock.advance(7 * DAY)
    await _create(iam, "three")


async def test_a_role_grants_what_it_carries_at_this_moment() -> None:
    iam = await Iam.start()
    await iam.account("robot-1")
    await iam.account("target-1")
    await _create(iam, includedPermissions=CARRIED)
    body = granting(NAME, "serviceAccount:" + email("robot-1"))
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("target-1"), body)
    assert await iam.may("robot-1", "target-1")
    fewer = {"includedPermissions": CARRIED[:1]}
    await iam.ask(f"{ROLE}.patch", NAME, fewer)
    assert not await iam.may("robot-1", "target-1")
    await iam.ask(f"{ROLE}.patch", NAME, {"includedPermissions": CARRIED})
    assert await iam.may("robot-1", "target-1")
    await iam.ask(f"{ROLE}.patch", NAME, {"stage": "DISABLED"})
    assert not await iam.may("robot-1", "target-1")
    await iam.ask(f"{ROLE}.patch", NAME, {"stage": "GA"})
    await iam.ask(f"{ROLE}.delete", NAME)
    assert not await iam.may("robot-1", "target-1")
    await iam.ask(f"{ROLE}.undelete", NAME)
    assert await iam.may("robot-1", "target-1")


async def test_a_role_of_another_project_is_not_accepted_in_a_policy() -> None:
    iam = await Iam.start()
    await iam.account("target-1")
    body = granting("projects/lab:other/roles/robots", "serviceAccount:" + email("target-1"))
    await _refused(Code.INVALID_ARGUMENT, iam, f"{ACCOUNT}.setIamPolicy", path("target-1"), body)


async def test_a_deleted_role_comes_back_within_seven_days_and_its_id_is_not_given_again() -> None:
    iam = await Iam.start()
    made = await _create(iam, includedPermissions=CARRIED)
    stale = {"etag": "AAAA"}
    await _refused(Code.ABORTED, iam, f"{ROLE}.delete", NAME, query=stale)
    deleted = await iam.ask(f"{ROLE}.delete", NAME, query={"etag": made["etag"]})
    assert deleted["deleted"]
    assert await iam.ask(f"{ROLE}.list", PROJECT) == {}
    [shown] = (await iam.ask(f"{ROLE}.list", PROJECT, query={"showDeleted": "true"}))["roles"]
    assert shown["deleted"]
    assert (await iam.ask(f"{ROLE}.get", NAME))["deleted"]
    await _refused(Code.FAILED_PRECONDITION, iam, f"{ROLE}.patch", NAME, {"title": "x"})
    iam.cloud.clock.advance(7 * DAY - 1)
    back = await iam.ask(f"{ROLE}.undelete", NAME)
    assert back["includedPermissions"] == sorted(CARRIED)
    await _refused(Code.FAILED_PRECONDITION, iam, f"{ROLE}.undelete", NAME)
    await iam.ask(f"{ROLE}.delete", NAME)
    iam.cloud.clock.advance(7 * DAY)
    await _refused(Code.NOT_FOUND, iam, f"{ROLE}.undelete", NAME)
    await _refused(Code.NOT_FOUND, iam, f"{ROLE}.get", NAME)
    with pytest.raises(CloudError) as caught:
        await _create(iam)
    assert caught.value.code is Code.FAILED_PRECONDITION


async def test_a_name_that_is_taken_is_refused() -> None:
    iam = await Iam.start()
    await _create(iam)
    with pytest.raises(CloudError) as caught:
        await _create(iam)
    assert caught.value.code is Code.ALREADY_EXISTS
