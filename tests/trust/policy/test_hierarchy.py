"""Organizations, folders and projects survive the store, and know what is above them."""

from __future__ import annotations

import pytest

from rempart.core.names import OrganizationId, ProjectNumber
from rempart.trust.policy.hierarchy import (
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
    State,
    ancestors,
    find_project,
)
from support.clouds import DEMO, TIME, Cloud, bind, policy


async def test_documents_come_back_from_the_store_as_they_were_written() -> None:
    cloud = Cloud()
    binding = bind("roles/owner", "allUsers", when="true")
    project = Project(
        DEMO,
        ProjectNumber("7"),
        "Demo",
        "folders/3",
        TIME,
        labels={"env": "prod"},
        policy=policy(binding),
        state=State.DELETE_REQUESTED,
    )
    write = cloud.sealed.transaction()
    write.put(PROJECTS, DEMO, value=project)
    write.put(
        ORGANIZATIONS, "1", value=Organization(OrganizationId("1"), "o", TIME, policy(binding))
    )
    await write.commit()
    found = await find_project(cloud.universe.reopened(), DEMO)
    assert found is not None
    assert found is not project
    assert found.policy.bindings == (binding,)
    assert (found.policy.etag, found.policy.version) == ("e", 3)
    assert (found.labels, found.state, found.created) == (project.labels, project.state, TIME)
    (top,) = await ancestors(cloud.universe.reopened(), "organizations/1")
    assert top.policy.bindings == (binding,)


async def test_ancestors_are_named_from_the_nearest_up() -> None:
    cloud = await Cloud().build()
    chain = await ancestors(cloud.sealed, "folders/3")
    assert [(type(level), level.id) for level in chain] == [
        (Folder, "3"),
        (Folder, "2"),
        (Organization, "1"),
    ]


@pytest.mark.parametrize(
    "parent", ["", "folders/9", "organizations/9", "projects/1", "folders", "/"]
)
async def test_what_is_not_there_has_nothing_above_it(parent: str) -> None:
    cloud = await Cloud().build()
    assert await ancestors(cloud.sealed, parent) == []
