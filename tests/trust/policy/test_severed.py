"""What lies under a level that is not there is refused: its denies and policies are unknown."""

from __future__ import annotations

import pytest

from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.core.method import Access
from rempart.core.principal import Principal
from rempart.trust.policy.deny import DENY_POLICIES, DenyPolicy, DenyRule
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.hierarchy import FOLDERS, levels, severed
from rempart.trust.policy.organization.documents import POLICY, OrgPolicy, Rule, Spec
from rempart.trust.policy.organization.guard import OrganizationPolicyGuard
from rempart.trust.policy.organization.policies import Policies
from rempart.trust.policy.perimeters.guard import place_of
from support.clouds import DEMO, OTHER, TIME, Cloud, an_object, bind, bucket, policy, robot
from support.worlds import call

ADMIN = "roles/storage.admin"
ROBOT = robot("robot")
GET = "storage.objects.get"


async def cut(cloud: Cloud) -> None:
    """Take away the folder between the organization and what lies below."""
    write = cloud.sealed.transaction()
    write.delete(FOLDERS, "2")
    await write.commit()


async def started() -> Cloud:
    return await Cloud().build(demo=policy(bind(ADMIN, ROBOT.member)))


async def deny_something_else(cloud: Cloud) -> None:
    rule = DenyRule(principals=("principalSet://goog/public:all",), permissions=("x.y/z.w",))
    made = DenyPolicy(uid="u", etag="e", created=TIME, updated=TIME, rules=(rule,))
    write = cloud.sealed.transaction()
    write.put(DENY_POLICIES, "organizations", "9", "d", value=made)
    await write.commit()


async def may(cloud: Cloud, who: Principal = ROBOT, project: str = DEMO) -> bool:
    where = an_object(bucket(bind(ADMIN, who.member), project=DEMO if project == DEMO else OTHER))
    return await cloud.decision.allowed(who, GET, where, time=Micros(TIME))


async def test_a_chain_tells_whether_it_reaches_the_top() -> None:
    cloud = await started()
    assert not severed(await levels(cloud.sealed, f"projects/{DEMO}"))
    assert not severed(await levels(cloud.sealed, "projects/lab:none"))
    await cloud.change(DEMO, parent="")
    assert not severed(await levels(cloud.sealed, f"projects/{DEMO}"))
    await cloud.change(DEMO, parent="folders/3")
    await cut(cloud)
    for name in (f"projects/{DEMO}", "folders/3"):
        assert severed(await levels(cloud.sealed, name))


async def test_nothing_is_inherited_under_a_level_that_is_not_there() -> None:
    cloud = await started()
    where = an_object(bucket())
    assert await cloud.decision.allowed(ROBOT, GET, where, time=TIME)
    await cut(cloud)
    assert not await cloud.decision.allowed(ROBOT, GET, where, time=TIME)


async def test_a_grant_of_its_own_counts_no_more_where_a_deny_might_stand_above() -> None:
    cloud = await started()
    await deny_something_else(cloud)
    assert await may(cloud)
    await cut(cloud)
    assert not await may(cloud)


async def test_neither_may_an_account_act_elsewhere_whose_own_chain_is_severed() -> None:
    cloud = await started()
    await deny_something_else(cloud)
    assert await may(cloud, project=OTHER)
    await cut(cloud)
    assert not await may(cloud, project=OTHER)


async def test_organization_policy_and_perimeters_refuse_too() -> None:
    cloud = await started()
    write = cloud.sealed.transaction()
    some = OrgPolicy(Spec((Rule(enforce=True),)))
    write.put(POLICY, "organizations/1", "storage.publicAccessPrevention", value=some)
    await write.commit()
    guard = OrganizationPolicyGuard(Policies(cloud.sealed))
    asked = Asked(ROBOT, GET, an_object(bucket()), call(), Access.READ, "storage")
    await guard.check(asked)
    assert await place_of(cloud.sealed, DEMO) == (
        "projects/11",
        "folders/3",
        "folders/2",
        "organizations/1",
    )
    await cut(cloud)
    with pytest.raises(CloudError, match="is not there"):
        await guard.check(asked)
    with pytest.raises(CloudError, match="is not there"):
        await place_of(cloud.sealed, DEMO)
