"""The organization restrictions header: what it admits, and that doubt refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from rempart.core.errors import CloudError
from rempart.core.method import Access
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.trust.policy.restrictions import HEADER, RestrictionGuard
from support.agreeing import Agreeing
from support.guards import asked, hierarchy
from support.worlds import TestUniverse

OWN = {"resources": ["organizations/1"], "options": "strict"}


def header(content: Any) -> dict[str, str]:
    return {HEADER: base64.urlsafe_b64encode(json.dumps(content).encode()).decode()}


@pytest.fixture
async def guard() -> Agreeing:
    universe = TestUniverse()
    await hierarchy(universe)
    return Agreeing(RestrictionGuard(universe.sealed))


async def test_without_the_header_nothing_is_restricted(guard: Agreeing) -> None:
    await guard.check(asked(project="lab:two"))


async def test_a_project_in_an_allowed_organization_is_reached(guard: Agreeing) -> None:
    await guard.check(asked(project="lab:one", headers=header(OWN)))
    await guard.check(asked(project="lab:one", headers=header({"resources": ["organizations/1"]})))


@pytest.mark.parametrize(
    "resource",
    [
        Resource(ResourceName("storage.googleapis.com", "", "projects/_/buckets/b"), project)
        for project in (ProjectId("lab:two"), ProjectId("lab:orphan"), ProjectId("lab:none"), None)
    ]
    + [
        Resource(ResourceName("cloudresourcemanager.googleapis.com", "", name), None)
        for name in ("organizations/2", "folders/99", "accessPolicies/7")
    ],
    ids=lambda one: f"{one.project} {one.name.name}",
)
async def test_what_lies_elsewhere_or_nowhere_is_refused(
    guard: Agreeing, resource: Resource
) -> None:
    with pytest.raises(CloudError) as refused:
        await guard.check(asked(resource=resource, headers=header(OWN)))
    assert refused.value.status == 403
    assert refused.value.info is not None
    assert refused.value.info.reason == "ORG_RESTRICTION_VIOLATION"


async def test_reading_of_cloud_storage_can_be_left_open_and_nothing_else(
    guard: Agreeing,
) -> None:
    lax = header(OWN | {"options": "cloudStorageReadAllowed"})
    await guard.check(asked(project="lab:two", headers=lax))
    for other in (
        asked(project="lab:two", headers=lax, access=Access.WRITE),
        asked(project="lab:two", headers=lax, service="cloudkms"),
    ):
        with pytest.raises(CloudError, match="organization restriction"):
            await guard.check(other)


WRONG: list[Any] = [
    [],
    {},
    {"resources": []},
    {"resources": "organizations/1"},
    {"resources": ["projects/1"]},
    {"resources": ["organizations/1", "folders/2"]},
    {"resources": ["organizations/1"], "options": "lax"},
    {"resources": ["organizations/1"], "more": 1},
    {"resources": ["organizations/1"] * 101},
]


@pytest.mark.parametrize(
    "value", ["", "!!", "bm90IGpzb24", *(header(content)[HEADER] for content in WRONG)]
)
async def test_a_header_that_cannot_be_understood_refuses(guard: Agreeing, value: str) -> None:
    with pytest.raises(CloudError) as refused:
        await guard.check(asked(project="lab:one", headers={HEADER: value}))
    assert refused.value.status == 400
    assert refused.value.info is not None
    assert refused.value.info.reason == "ORG_RESTRICTION_HEADER_INVALID"
