"""Grants that nobody uses: told after ninety days of record, and never while there is doubt."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rempart.core.call import Call, MethodId
from rempart.core.errors import CloudError, Code
from rempart.trust.policy import uses as record
from rempart.trust.policy.uses import USES
from support.cloud_iam import DAY, PROJECT, Iam, email
from support.cloud_storage import token

AT = f"{PROJECT}/locations/global/recommenders/google.iam.policy.Recommender"
METHOD = "recommender.projects.locations.recommenders.recommendations"
ROBOT = f"serviceAccount:{email('robot-1')}"
VIEWER = "roles/storage.bucketViewer"


@pytest.fixture
async def iam() -> Iam:
    """Return a universe in which a robot may view buckets and list accounts of the project."""
    made = await Iam.start()
    await made.account("robot-1")
    roles = (VIEWER, "roles/iam.serviceAccountViewer")
    bindings = [{"role": role, "members": [ROBOT]} for role in roles]
    body = {"policy": {"bindings": bindings}}
    await made.ask("cloudresourcemanager.projects.setIamPolicy", PROJECT, body)
    return made


async def pass_days(iam: Iam, days: int) -> None:
    for _ in range(days):
        await iam.cloud.parts.uses.run()
        iam.cloud.clock.advance(DAY)
    await iam.cloud.parts.uses.run()


async def told(iam: Iam, **query: str) -> list[dict[str, Any]]:
    answer = await iam.ask(f"{METHOD}.list", AT, query=query)
    return list(answer.get("recommendations", []))


def roles(found: list[dict[str, Any]]) -> list[str]:
    return sorted(one["content"]["overview"]["removedRole"] for one in found)


def reviewing(iam: Iam) -> Call:
    made = iam.cloud.call("buckets.get")
    method = MethodId("cloudasset.reviewRights")
    return msgspec.structs.replace(made, method=method, path={"scope": PROJECT})


async def view(iam: Iam, key: dict[str, str]) -> None:
    call = iam.cloud.call("buckets.list", {"project": "lab:demo"})
    bearer = token(key, iam.cloud.clock() // 1_000_000)
    call = msgspec.structs.replace(call, headers={"authorization": f"Bearer {bearer}"})
    await iam.cloud.parts.gate.serve(call)


async def test_a_grant_that_nobody_used_for_ninety_days_is_told(iam: Iam) -> None:
    key = await iam.key()
    await pass_days(iam, 60)
    await view(iam, key)
    assert await told(iam) == []
    await pass_days(iam, 31)
    assert roles(await told(iam)) == ["roles/iam.serviceAccountViewer"]
    await pass_days(iam, 62)
    found = await told(iam)
    assert roles(found) == ["roles/iam.serviceAccountViewer", VIEWER]
    reviewed = await iam.cloud.parts.gate.serve(reviewing(iam))
    assert isinstance(reviewed.document, dict)
    assert reviewed.document["unusedKnown"]
    assert {one["role"] for one in reviewed.document["unused"]} >= set(roles(found))
    [operation] = found[0]["content"]["operationGroups"][0]["operations"]
    assert operation["action"] == "remove"
    assert operation["resource"] == f"//cloudresourcemanager.googleapis.com/{PROJECT}"
    assert operation["pathFilters"]["/iamPolicy/bindings/*/members/*"] == ROBOT


async def test_a_new_grant_is_observed_anew(iam: Iam) -> None:
    await pass_days(iam, 91)
    bindings = [{"role": "roles/storage.admin", "members": [ROBOT]}]
    body = {"policy": {"bindings": bindings}}
    await iam.ask("cloudresourcemanager.projects.setIamPolicy", PROJECT, body)
    await pass_days(iam, 2)
    assert await told(iam) == []
    await pass_days(iam, 90)
    assert roles(await told(iam)) == ["roles/storage.admin"]


async def test_nothing_is_told_while_the_record_left_uses_out(
    iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await iam.key()
    await pass_days(iam, 30)
    monkeypatch.setattr(record, "USES_OF_A_DAY_MAX", 0)
    await view(iam, key)
    await pass_days(iam, 1)
    monkeypatch.undo()
    await pass_days(iam, 88)
    assert await told(iam) == []
    await pass_days(iam, 3)
    assert len(await told(iam)) == 2


async def test_a_use_is_written_once_a_day_and_forgotten_after_a_year(iam: Iam) -> None:
    key = await iam.key()
    await view(iam, key)
    await view(iam, key)
    await pass_days(iam, 1)
    sealed = iam.cloud.parts.sealed
    found = await sealed.scan(USES, USES.under(ROBOT), limit=10)
    assert [one.id for one in found] == ["storage.buckets.list"]
    iam.cloud.clock.advance((record.KEPT_DAYS + 1) * DAY)
    await iam.cloud.parts.uses.run()
    assert not await sealed.scan(USES, USES.under(ROBOT), limit=10)


async def test_asking_for_permissions_is_no_use(iam: Iam) -> None:
    key = await iam.key()
    body = {"permissions": ["storage.buckets.list"]}
    method = "cloudresourcemanager.projects.testIamPermissions"
    answer = await iam.ask(method, PROJECT, body, key=key)
    assert answer == body
    await pass_days(iam, 1)
    assert not await iam.cloud.parts.sealed.scan(USES, USES.under(ROBOT), limit=10)


async def test_a_recommendation_is_marked_by_who_acts_on_it(iam: Iam) -> None:
    await pass_days(iam, 91)
    first = (await told(iam))[0]
    mark = f"{METHOD}.markClaimed"
    body = {"etag": first["etag"], "stateMetadata": {"by": "carol"}}
    claimed = await iam.ask(mark, first["name"], body)
    assert claimed["stateInfo"] == {"state": "CLAIMED", "stateMetadata": {"by": "carol"}}
    for document, code in (({}, Code.INVALID_ARGUMENT), (body, Code.ABORTED)):
        with pytest.raises(CloudError) as refused:
            await iam.ask(mark, first["name"], document)
        assert refused.value.code is code
    fresh = {"etag": claimed["etag"]}
    with pytest.raises(CloudError) as refused:
        await iam.ask(f"{METHOD}.markDismissed", first["name"], fresh)
    assert refused.value.code is Code.FAILED_PRECONDITION
    done = await iam.ask(f"{METHOD}.markSucceeded", first["name"], fresh)
    assert done == await iam.ask(f"{METHOD}.get", first["name"])
    assert [one["name"] for one in await told(iam, filter="stateInfo.state = SUCCEEDED")] == [
        first["name"]
    ]
    assert len(await told(iam, filter="stateInfo.state=ACTIVE")) == 1
    page = await iam.ask(f"{METHOD}.list", AT, query={"pageSize": "1"})
    rest = await iam.ask(
        f"{METHOD}.list", AT, query={"pageSize": "1", "pageToken": page["nextPageToken"]}
    )
    assert len({one["recommendations"][0]["name"] for one in (page, rest)}) == 2


@pytest.mark.parametrize(
    ("name", "query"),
    [
        (AT.replace("global", "europe"), {}),
        (AT.replace("iam.policy", "compute.disk"), {}),
        (AT, {"filter": "priority=P1"}),
    ],
)
async def test_what_is_not_recommended_here_is_refused(
    iam: Iam, name: str, query: dict[str, str]
) -> None:
    with pytest.raises(CloudError) as refused:
        await iam.ask(MethodId(f"{METHOD}.list"), name, query=query)
    assert refused.value.code is Code.INVALID_ARGUMENT
