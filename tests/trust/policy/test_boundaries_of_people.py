"""Boundaries bind the people of an organization's pools, and no other organization's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rempart.core.names import OrganizationId
from rempart.core.principal import Member
from rempart.trust.policy.boundaries import (
    BOUNDARY_POLICIES,
    MANAGER,
    POLICY_BINDINGS,
    BoundaryPolicy,
    BoundaryRule,
    PolicyBinding,
)
from rempart.trust.policy.hierarchy import ORGANIZATIONS, Organization
from support.clouds import TIME, Cloud, bind, bucket, policy, robot

GET = "storage.objects.get"
PERSON = replace(
    robot("x"),
    member=Member("principal://iam.googleapis.com/locations/global/workforcePools/p/subject/anna"),
    project=None,
    organization="organizations/9",
)


async def bound(organization: str) -> Cloud:
    """Bind all of an organization to nothing, in a cloud where the person may read."""
    cloud = await Cloud().build(demo=policy(bind("roles/storage.objectViewer", PERSON.member)))
    tx = cloud.sealed.transaction()
    tx.put(ORGANIZATIONS, "9", value=Organization(OrganizationId("9"), "nine", TIME))
    rules = (BoundaryRule((), ("projects/elsewhere",)),)
    boundary = BoundaryPolicy(
        uid="u", etag="e", created=TIME, updated=TIME, version="3", rules=rules
    )
    tx.put(BOUNDARY_POLICIES, organization, "b", value=boundary)
    binding = PolicyBinding(
        uid="u",
        etag="e",
        created=TIME,
        updated=TIME,
        target=f"{MANAGER}organizations/{organization}",
        organization=organization,
        policy="b",
        policy_uid="u",
    )
    tx.put(POLICY_BINDINGS, "organizations", organization, "x", value=binding)
    await tx.commit()
    return cloud


@pytest.mark.parametrize(("organization", "reaches"), [("1", True), ("9", False)])
async def test_a_person_is_bound_by_the_own_organization_alone(
    organization: str, *, reaches: bool
) -> None:
    cloud = await bound(organization)
    assert await cloud.decision.allowed(PERSON, GET, bucket(), time=TIME) is reaches


async def test_a_person_of_an_organization_that_is_not_there_reaches_nothing() -> None:
    cloud = await bound("1")
    nobodys = replace(PERSON, organization="organizations/404")
    assert not await cloud.decision.allowed(nobodys, GET, bucket(), time=TIME)
