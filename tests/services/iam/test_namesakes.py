"""Accounts that have one email in turn: what was granted to one never reaches another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.errors import CloudError, Code
from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member, Principal
from rempart.services.storage.kinds import HMAC_KEY
from rempart.services.storage.model import acl
from rempart.trust.identity.accounts import ACCOUNTS
from rempart.trust.policy.hierarchy import ORGANIZATIONS
from rempart.trust.policy.organization.documents import POLICY, OrgPolicy, Rule, Spec
from rempart.trust.policy.perimeters.documents import ACCESS_POLICIES
from support.cloud_iam import ACCOUNT, TOKEN_CREATOR, Iam, email, granting, path

STEPS = ("create", "delete", "undelete", "grant", "rewrite", "revoke")
ROBOT = "serviceAccount:" + email("robot-1")


async def _policy(iam: Iam, target: str = "target") -> list[str]:
    policy = await iam.ask(f"{ACCOUNT}.getIamPolicy", path(target))
    return [one for binding in policy.get("bindings", []) for one in binding["members"]]


async def _set(iam: Iam, *members: str) -> dict[str, Any]:
    document = granting(TOKEN_CREATOR, *members)
    return await iam.ask(f"{ACCOUNT}.setIamPolicy", path("target"), document)


async def _refusal(iam: Iam, *members: str) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await _set(iam, *members)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value


async def test_an_account_that_there_never_was_is_refused_wherever_it_would_lie() -> None:
    iam = await Iam.start()
    await iam.account("target")
    await iam.account("robot-1")
    for ghost in (email("robot-2"), "robot-1@dmeo.lab.iam.gserviceaccount.com", email("Robot-3")):
        refused = await _refusal(iam, ROBOT, f"serviceAccount:{ghost}")
        assert refused.message == f"Service account {ghost.lower()} does not exist."
        assert refused.field == "bindings[0].members"
    later = await _refusal(iam, f"serviceAccount:{email('robot-2')}?uid=123")
    assert "does not exist" in later.message
    await iam.account("robot-2")
    await _set(iam, ROBOT, f"serviceAccount:{email('robot-2')}")


@pytest.mark.parametrize(
    "member",
    [
        "serviceAccount:service-123@gs-project-accounts.lab-system.iam.gserviceaccount.com",
        "serviceAccount:service-org-7@gcp-sa-logging.lab-system.iam.gserviceaccount.com",
        "serviceAccount:123@cloudservices.lab-system.iam.gserviceaccount.com",
        "serviceAccount:service-123@gcp-sa-pubsub.iam.gserviceaccount.com",
    ],
)
async def test_agents_of_services_are_there_without_being_made(member: str) -> None:
    iam = await Iam.start()
    await iam.account("target")
    await _set(iam, member)
    assert await _policy(iam) == [member]


async def test_whom_a_policy_names_from_before_may_stay_and_be_taken_away_one_by_one() -> None:
    iam = await Iam.start()
    await iam.account("target")
    await iam.account("robot-1")
    ghosts = [f"serviceAccount:{email('ghost-1')}", "group:all@example.test"]
    tx = iam.cloud.parts.sealed.transaction()
    account = await tx.get(ACCOUNTS, email("target"))
    assert account is not None
    policy = Policy((Binding(TOKEN_CREATOR, tuple(map(Member, ghosts))),), etag="AAAA")
    tx.put(ACCOUNTS, email("target"), value=replace(account, policy=policy))
    await tx.commit()
    await _set(iam, *await _policy(iam), ROBOT)
    assert set(await _policy(iam)) == {*ghosts, ROBOT}
    await _set(iam, ROBOT, ghosts[0])
    assert set(await _policy(iam)) == {ghosts[0], ROBOT}
    assert "Group all@example.test does not exist" in (await _refusal(iam, *ghosts)).message


async def test_a_new_account_of_an_old_email_has_nothing_of_what_the_old_one_had() -> None:
    iam = await Iam.start()
    await iam.account("target-1")
    first = await iam.account("robot-1")
    document = granting(TOKEN_CREATOR, ROBOT)
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("target-1"), document)
    assert await iam.may("robot-1", "target-1")
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    old = f"deleted:{ROBOT}?uid={first['uniqueId']}"
    assert await _policy(iam, "target-1") == [old]
    await iam.account("robot-1")
    assert not await iam.may("robot-1", "target-1")
    assert await _policy(iam, "target-1") == [old]


async def test_a_policy_that_is_read_and_written_back_grants_the_new_account_nothing() -> None:
    iam = await Iam.start()
    await iam.account("target-1")
    await iam.account("robot-1")
    at = path("target-1")
    await iam.ask(f"{ACCOUNT}.setIamPolicy", at, granting(TOKEN_CREATOR, ROBOT))
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    await iam.account("robot-1")
    read = await iam.ask(f"{ACCOUNT}.getIamPolicy", at)
    await iam.ask(f"{ACCOUNT}.setIamPolicy", at, {"policy": read})
    assert not await iam.may("robot-1", "target-1")
    read = await iam.ask(f"{ACCOUNT}.getIamPolicy", at)
    read["bindings"][0]["members"].append(ROBOT)
    shown = await iam.ask(f"{ACCOUNT}.setIamPolicy", at, {"policy": read})
    assert ROBOT in shown["bindings"][0]["members"]
    assert len(shown["bindings"][0]["members"]) == 2
    assert await iam.may("robot-1", "target-1")


async def test_a_deleted_account_is_granted_nothing() -> None:
    iam = await Iam.start()
    await iam.account("target-1")
    await iam.account("robot-1")
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    with pytest.raises(CloudError) as caught:
        await iam.ask(f"{ACCOUNT}.setIamPolicy", path("target-1"), granting(TOKEN_CREATOR, ROBOT))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert "does not exist" in caught.value.message


async def test_buckets_keep_namesakes_apart_as_well() -> None:
    """Cloud Storage has a shape of its own for policies."""
    iam = await Iam.start()
    bucket = iam.cloud.bucket
    first = await iam.account("robot-1")
    viewer = {"bindings": [{"role": "roles/storage.objectViewer", "members": [ROBOT]}]}
    old = await iam.ask("storage.buckets.getIamPolicy", bucket)
    document = {"bindings": old["bindings"] + viewer["bindings"]}
    await iam.ask("storage.buckets.setIamPolicy", bucket, document)
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    await iam.account("robot-1")
    shown = await iam.ask("storage.buckets.getIamPolicy", bucket)
    members = [one for binding in shown["bindings"] for one in binding["members"]]
    assert f"deleted:{ROBOT}?uid={first['uniqueId']}" in members
    assert ROBOT not in members


@pytest.mark.parametrize("mark", ["", "?uid=7"])
def test_an_access_control_list_that_is_written_anew_keeps_each_account(mark: str) -> None:
    stored = Member(f"{ROBOT}{mark}")
    assert acl.member(acl.entity_of(stored, "11"), "lab:demo") == stored


async def test_access_levels_keep_namesakes_apart_as_well() -> None:
    iam = await Iam.start()
    sealed = iam.cloud.parts.sealed
    [top] = await sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=1)
    given = {"parent": f"organizations/{top.id}", "title": "t"}
    made = await iam.ask("accesscontextmanager.accessPolicies.create", "", given)
    level = made["response"]["name"] + "/accessLevels/some"
    first = await iam.account("robot-1")
    document = {"name": level, "title": "l", "basic": {"conditions": [{"members": [ROBOT]}]}}
    levels = "accesscontextmanager.accessPolicies.accessLevels"
    await iam.ask(f"{levels}.create", made["response"]["name"], document)
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    await iam.account("robot-1")

    async def members() -> Any:
        read = await iam.ask(f"{levels}.get", level)
        return read["basic"]["conditions"][0]["members"]

    assert await members() == [f"deleted:{ROBOT}?uid={first['uniqueId']}"]
    query = {"updateMask": "basic"}
    await iam.ask(f"{levels}.patch", level, document, query=query)
    assert await members() == [ROBOT]
    [policy] = await sealed.scan(ACCESS_POLICIES, ACCESS_POLICIES.under(), limit=1)
    basic = policy.value.levels["some"].basic
    assert basic is not None
    assert basic.conditions[0].members == ((await iam.stored("robot-1")).member,)


async def test_what_a_later_account_uploads_is_its_own() -> None:
    iam = await Iam.start()
    await iam.account("robot-1")
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    await iam.account("robot-1")
    later = await iam.stored("robot-1")
    principal = Principal(later.member, later.email, later.unique_id, later.project)
    entity = acl.user_entity(principal)
    assert acl.member(entity, "lab:demo") == later.member != Member(ROBOT)


async def test_an_hmac_key_remembers_whose_it_is() -> None:
    iam = await Iam.start()
    made = await iam.account("robot-1")
    await iam.cloud.ask(
        "projects.hmacKeys.create",
        path={"projectId": "lab:demo"},
        query={"serviceAccountEmail": email("robot-1")},
    )
    [key] = await iam.cloud.parts.sealed.scan(HMAC_KEY, HMAC_KEY.under(), limit=2)
    assert key.value.unique_id == made["uniqueId"]


async def test_a_binding_that_stays_is_not_proposed_anew_for_a_later_account() -> None:
    """Organization policy judges whom a policy newly names; who was there already stays."""
    iam = await Iam.start()
    await iam.account("robot-1")
    await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
    await iam.account("robot-1")
    name = "storage.buckets.setIamPolicy"
    old = await iam.ask("storage.buckets.getIamPolicy", iam.cloud.bucket)
    viewer = {"role": "roles/storage.objectViewer", "members": [ROBOT]}
    given = {"bindings": [*old["bindings"], viewer]}
    await iam.ask(name, iam.cloud.bucket, given)
    write = iam.cloud.parts.sealed.transaction()
    [top] = await iam.cloud.parts.sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=1)
    only = Spec((Rule(allowed=("principalSet://iam.googleapis.com/organizations/99",)),))
    at = f"organizations/{top.id}"
    write.put(POLICY, at, "iam.allowedPolicyMemberDomains", value=OrgPolicy(only))
    await write.commit()
    await iam.ask(name, iam.cloud.bucket, given)
    given["bindings"].append({"role": "roles/storage.objectAdmin", "members": [ROBOT]})
    with pytest.raises(CloudError, match="permitted customer"):
        await iam.ask(name, iam.cloud.bucket, given)


@dataclass
class _Model:
    """Whom the binding on the target stands for, by unique id, as a plain reader would say."""

    ids: list[str] = field(default_factory=list)
    current: str = ""
    granted: set[str] = field(default_factory=set)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=14))
def test_whatever_happens_only_the_account_that_was_granted_has_it(steps: list[str]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[str]) -> None:
    iam, model = await Iam.start(), _Model()
    await iam.account("target")
    for step in steps:
        await _STEPS[step](iam, model)
        shown = set(await _policy(iam))
        told = {one: f"deleted:{ROBOT}?uid={one}" for one in model.granted}
        told |= {one: ROBOT for one in model.granted if one == model.current}
        assert shown == set(told.values())
        if model.current:
            assert await iam.may("robot-1", "target") == (model.current in model.granted)


async def _create(iam: Iam, model: _Model) -> None:
    if not model.current:
        model.current = (await iam.account("robot-1"))["uniqueId"]
        model.ids.append(model.current)


async def _delete(iam: Iam, model: _Model) -> None:
    if model.current:
        await iam.ask(f"{ACCOUNT}.delete", path("robot-1"))
        model.current = ""


async def _undelete(iam: Iam, model: _Model) -> None:
    if model.ids and not model.current:
        oldest = model.ids[0]
        await iam.ask(f"{ACCOUNT}.undelete", path(oldest))
        model.current = oldest


async def _grant(iam: Iam, model: _Model) -> None:
    if model.current:
        await _set(iam, *await _policy(iam), ROBOT)
        model.granted.add(model.current)


async def _rewrite(iam: Iam, model: _Model) -> None:
    await _set(iam, *await _policy(iam))


async def _revoke(iam: Iam, model: _Model) -> None:
    await _set(iam, *[one for one in await _policy(iam) if one != ROBOT])
    model.granted.discard(model.current)


_STEPS = {
    "create": _create,
    "delete": _delete,
    "undelete": _undelete,
    "grant": _grant,
    "rewrite": _rewrite,
    "revoke": _revoke,
}
