"""Sets of principals: by federation, and by the place of a service account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rempart.core.principal import Member, Principal
from support.clouds import DEMO, OTHER, TIME, Cloud, bind, bucket, policy, robot

GET = "storage.objects.get"
VIEWER = "roles/storage.objectViewer"
ANNA = robot("anna")
MANAGER = "principalSet://cloudresourcemanager.googleapis.com"


@pytest.mark.parametrize("when", [None, "true"])
@pytest.mark.parametrize("where", ["projects/11", "folders/3", "organizations/1"])
async def test_the_accounts_of_a_level_are_a_set(where: str, when: str | None) -> None:
    granted = bind(VIEWER, f"{MANAGER}/{where}/type/ServiceAccount", when=when)
    cloud = await Cloud().build(other=policy(granted))
    own, others = bucket(granted), bucket(project=OTHER)
    for target in (own, others):
        assert await cloud.decision.allowed(ANNA, GET, target, time=TIME)
    stranger = replace(ANNA, project=OTHER)
    allowed = await cloud.decision.allowed(stranger, GET, own, time=TIME)
    assert allowed is (where == "organizations/1")
    nobodys = replace(ANNA, project=None)
    assert not await cloud.decision.allowed(nobodys, GET, own, time=TIME)


@pytest.mark.parametrize("when", [None, "true"])
@pytest.mark.parametrize("where", ["projects/11", "folders/3", "organizations/1"])
async def test_an_identity_of_a_projects_pool_is_none_of_its_service_accounts(
    where: str, when: str | None
) -> None:
    accounts = f"{MANAGER}/{where}/type/ServiceAccount"
    cloud = await Cloud().build(other=policy(bind(VIEWER, accounts, when=when)))
    pool = "iam.googleapis.com/projects/11/locations/global/workloadIdentityPools/ci"
    outsider = Principal(
        Member(f"principal://{pool}/subject/{ANNA.member}"),
        f"principal://{pool}/subject/{ANNA.member}",
        ANNA.member,
        DEMO,
        sets=(Member(f"principalSet://{pool}/*"),),
    )
    assert await cloud.decision.allowed(ANNA, GET, bucket(project=OTHER), time=TIME)
    assert not await cloud.decision.allowed(outsider, GET, bucket(project=OTHER), time=TIME)


async def test_a_principal_is_in_the_sets_that_its_credential_says() -> None:
    pool = Member("principalSet://iam.googleapis.com/locations/global/workforcePools/p/*")
    cloud = await Cloud().build(lower=policy(bind(VIEWER, pool)))
    assert not await cloud.decision.allowed(ANNA, GET, bucket(), time=TIME)
    member = replace(ANNA, sets=(pool,))
    assert await cloud.decision.allowed(member, GET, bucket(), time=TIME)


async def test_an_identity_from_outside_is_no_service_account_of_its_pools_project() -> None:
    granted = bind(VIEWER, f"{MANAGER}/projects/11/type/ServiceAccount")
    cloud = await Cloud().build(demo=policy(granted))
    assert await cloud.decision.allowed(ANNA, GET, bucket(), time=TIME)
    outside = replace(ANNA, member=Member("principal://iam.googleapis.com/projects/11/x/subject/s"))
    assert not await cloud.decision.allowed(outside, GET, bucket(), time=TIME)
