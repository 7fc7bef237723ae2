"""Service accounts, from their creation to the end of the time in which they can be restored."""

from __future__ import annotations

from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.services.iam.model.service_account import (
    DESCRIPTION_BYTES_MAX,
    DISPLAY_NAME_BYTES_MAX,
)
from rempart.services.iam.work import LostAccounts
from rempart.trust.identity.accounts import KEYS
from support.cloud_iam import ACCOUNT, DAY, PROJECT, TOKEN_CREATOR, Iam, email, granting, path


async def _refused(code: Code, iam: Iam, method: str, *args: Any, **more: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await iam.ask(method, *args, **more)
    assert caught.value.code is code, caught.value.message
    return caught.value


async def test_an_account_is_found_by_email_and_by_unique_id_and_without_its_project() -> None:
    iam = await Iam.start()
    made = await iam.account("robot-1", displayName="Robot", description="does it")
    assert made["name"] == path("robot-1")
    assert made["oauth2ClientId"] == made["uniqueId"]
    for name in (
        path("robot-1"),
        path(made["uniqueId"]),
        path("robot-1", "projects/-"),
        path(made["uniqueId"], "projects/-"),
        path("robot-1").replace("robot", "Robot"),
    ):
        assert await iam.ask(f"{ACCOUNT}.get", name) == made


async def test_an_account_is_not_found_in_another_project() -> None:
    iam = await Iam.start()
    unique_id = (await iam.account())["uniqueId"]
    for name in (path("robot-1", "projects/lab:other"), path(unique_id, "projects/lab:other")):
        await _refused(Code.PERMISSION_DENIED, iam, f"{ACCOUNT}.get", name)
    await _refused(Code.NOT_FOUND, iam, f"{ACCOUNT}.get", path("robot-9"))
    await _refused(Code.PERMISSION_DENIED, iam, f"{ACCOUNT}.get", path("robot-9", "projects/-"))


async def test_the_accounts_of_a_project_are_listed_in_pages_without_the_deleted() -> None:
    iam = await Iam.start()
    for number in range(5):
        await iam.account(f"robot-{number}")
    await iam.ask(f"{ACCOUNT}.delete", path("robot-3"))
    seen, token, pages = list[str](), "", 0
    while True:
        query = {"pageSize": "2", "pageToken": token}
        page = await iam.ask(f"{ACCOUNT}.list", PROJECT, query=query)
        seen += [one["email"].partition("@")[0] for one in page["accounts"]]
        token, pages = page.get("nextPageToken", ""), pages + 1
        if not token:
            break
    assert seen == ["administrator", "robot-0", "robot-1", "robot-2", "robot-4"]
    assert pages == 3


async def test_only_what_the_mask_names_is_changed() -> None:
    iam = await Iam.start()
    await iam.account(displayName="Robot", description="old")
    given = {"displayName": "New", "description": "new", "email": "x@y"}
    body = {"serviceAccount": given, "updateMask": "display_name"}
    patched = await iam.ask(f"{ACCOUNT}.patch", path("robot-1"), body)
    assert (patched["displayName"], patched["description"]) == ("New", "old")
    updated = await iam.ask(f"{ACCOUNT}.update", path("robot-1"), patched | {"displayName": "Z"})
    assert (updated["displayName"], updated["description"]) == ("Z", "old")
    wrong = body | {"updateMask": "email"}
    await _refused(Code.INVALID_ARGUMENT, iam, f"{ACCOUNT}.patch", path("robot-1"), wrong)
    stale = {"serviceAccount": patched, "updateMask": "description"}
    await _refused(Code.ABORTED, iam, f"{ACCOUNT}.patch", path("robot-1"), stale)


@pytest.mark.parametrize(
    ("field", "most"),
    [("displayName", DISPLAY_NAME_BYTES_MAX), ("description", DESCRIPTION_BYTES_MAX)],
)
async def test_texts_have_a_limit_in_bytes(field: str, most: int) -> None:
    iam = await Iam.start()
    await iam.account("robot-1", **{field: "x" * most})
    with pytest.raises(CloudError) as caught:
        await iam.account("robot-2", **{field: "é" * (most // 2) + "x"})
    assert caught.value.field == f"serviceAccount.{field}"


async def test_a_deleted_account_comes_back_within_thirty_days_as_it_was() -> None:
    iam = await Iam.start()
    made = await iam.account(displayName="Robot")
    member = "serviceAccount:" + email("administrator")
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("robot-1"), granting(TOKEN_CREATOR, member))
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    await _refused(Code.NOT_FOUND, iam, f"{ACCOUNT}.get", path(made["uniqueId"]))
    await _refused(Code.NOT_FOUND, iam, f"{ACCOUNT}.undelete", path("robot-1"))
    iam.cloud.clock.advance(30 * DAY - 1)
    back = await iam.ask(f"{ACCOUNT}.undelete", path(made["uniqueId"], "projects/-"))
    assert back["restoredAccount"] | {"etag": ""} == made | {"etag": ""}
    policy = await iam.ask(f"{ACCOUNT}.getIamPolicy", path("robot-1"))
    assert policy["bindings"] == [{"role": TOKEN_CREATOR, "members": [member]}]


async def test_after_thirty_days_a_deleted_account_is_gone() -> None:
    iam = await Iam.start()
    made = await iam.account()
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    iam.cloud.clock.advance(30 * DAY)
    await _refused(Code.NOT_FOUND, iam, f"{ACCOUNT}.undelete", path(made["uniqueId"]))


async def test_what_is_left_of_a_lost_account_goes_but_its_email_stays_known() -> None:
    iam = await Iam.start()
    made = await iam.account()
    key = await iam.key()
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    parts = iam.cloud.parts
    for passed, left in ((30 * DAY - 1, True), (1, False)):
        iam.cloud.clock.advance(passed)
        await LostAccounts(parts.sealed, parts.world).run()
        found = await parts.sealed.find(KEYS, KEYS.key(key["private_key_id"]))
        assert (found is not None) is left
    await iam.ask(f"{ACCOUNT}.get", path("administrator"))
    second = await iam.account()
    assert (await iam.stored("robot-1")).member.endswith(f"?uid={second['uniqueId']}")
    assert made["uniqueId"] != second["uniqueId"]


async def test_an_account_whose_email_another_has_cannot_come_back() -> None:
    iam = await Iam.start()
    first = await iam.account()
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    second = await iam.account()
    assert second["uniqueId"] != first["uniqueId"]
    await _refused(Code.ALREADY_EXISTS, iam, f"{ACCOUNT}.undelete", path(first["uniqueId"]))
    await iam.ask(f"{ACCOUNT}.delete", path(second["uniqueId"]))
    await iam.ask(f"{ACCOUNT}.undelete", path(first["uniqueId"]))
    assert (await iam.ask(f"{ACCOUNT}.get", path("robot-1")))["uniqueId"] == first["uniqueId"]


@pytest.mark.parametrize(
    "document",
    [
        {"accountId": "robot-1", "serviceAccount": {"color": "red"}},
        {"accountId": "robot-1", "name": "x"},
        {"accountId": "Robot"},
        {"accountId": 7},
        {"accountId": "robot-1", "serviceAccount": "x"},
        {},
    ],
)
async def test_a_malformed_request_is_refused(document: dict[str, Any]) -> None:
    iam = await Iam.start()
    await _refused(Code.INVALID_ARGUMENT, iam, f"{ACCOUNT}.create", PROJECT, document)


@pytest.mark.parametrize("name", ["", "projects/lab:demo", "projects/x/serviceAccounts/a/b"])
async def test_a_malformed_name_is_refused(name: str) -> None:
    iam = await Iam.start()
    await _refused(Code.INVALID_ARGUMENT, iam, f"{ACCOUNT}.get", name)


async def test_roles_that_are_not_for_accounts_are_refused_in_their_policies() -> None:
    iam = await Iam.start()
    await iam.account()
    body = granting("roles/storage.admin", "serviceAccount:" + email("administrator"))
    await _refused(Code.INVALID_ARGUMENT, iam, f"{ACCOUNT}.setIamPolicy", path("robot-1"), body)
