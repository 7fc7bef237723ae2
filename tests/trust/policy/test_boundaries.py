"""Principal access boundaries: whom a binding with a condition is about."""

from __future__ import annotations

import pytest

from rempart.core.policy import Condition
from rempart.core.principal import Member, Principal
from rempart.trust.identity.federation import members
from rempart.trust.policy.boundaries import (
    BOUNDARY_POLICIES,
    MANAGER,
    POLICY_BINDINGS,
    BoundaryPolicy,
    BoundaryRule,
    PolicyBinding,
)
from support.clouds import DEMO, OTHER, TIME, Cloud, bind, bucket, policy

POOL = "projects/11/locations/global/workloadIdentityPools/ci"
GET = "storage.objects.get"


async def bound_but_for(subject: str) -> Cloud:
    """Return a cloud in which the pools of a project reach that project alone, but for one."""
    everybody = bind("roles/storage.objectViewer", f"principalSet://iam.googleapis.com/{POOL}/*")
    cloud = await Cloud().build(organization=policy(everybody))
    rule = BoundaryRule((f"{MANAGER}projects/{DEMO}",), (f"projects/{DEMO}",))
    write = cloud.sealed.transaction()
    made = BoundaryPolicy(uid="u", etag="e", created=TIME, updated=TIME, version="4", rules=(rule,))
    write.put(BOUNDARY_POLICIES, "1", "own", value=made)
    binding = PolicyBinding(
        uid="u",
        etag="e",
        created=TIME,
        updated=TIME,
        target=f"{MANAGER}projects/11",
        organization="1",
        policy="own",
        policy_uid="u",
        condition=Condition(f"principal.subject != '{subject}'", "but for one"),
    )
    write.put(POLICY_BINDINGS, "projects", DEMO, "b", value=binding)
    await write.commit()
    return cloud


@pytest.mark.parametrize(
    ("spared", "subject", "allowed"),
    [
        ("root", "root", True),
        ("root", "another", False),
        ("root", "root?uid=1", False),
        ("root", "x/subject/root", False),
        ("break glass", "break glass", True),
        ("break glass", "break%20glass", False),
    ],
)
async def test_who_is_spared_is_told_by_the_whole_subject(
    spared: str, subject: str, *, allowed: bool
) -> None:
    cloud = await bound_but_for(spared)
    member = members.member(POOL, subject)
    pool = (Member(f"principalSet://iam.googleapis.com/{POOL}/*"),)
    who = Principal(member, member, subject, DEMO, sets=pool)
    assert await cloud.decision.allowed(who, GET, bucket(), time=TIME)
    elsewhere = bucket(project=OTHER)
    assert await cloud.decision.allowed(who, GET, elsewhere, time=TIME) is allowed
