"""Custom roles: where they may be granted, and that what they are now is what counts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.core.names import ResourceName
from rempart.core.policy import Policy, Resource
from rempart.trust.policy.around import around
from rempart.trust.policy.custom_roles import CUSTOM_ROLES, CustomRole
from rempart.trust.policy.roles import Level
from rempart.trust.policy.roles.custom import key_parts
from rempart.trust.policy.validate import Place, policy_from_json
from support.clouds import DEMO, OTHER, TIME, Cloud, an_object, bind, bucket, policy, robot

GET = "storage.objects.get"
ANNA, BOB = robot("anna"), robot("bob")
OF_PROJECT, OF_ORGANIZATION = "projects/lab:demo/roles/reader", "organizations/1/roles/reader"
READER = CustomRole(permissions=frozenset((GET,)), created=TIME)


async def define(cloud: Cloud, name: str, role: CustomRole | None) -> None:
    write = cloud.sealed.transaction()
    parts = key_parts(name)
    assert parts is not None
    if role is None:
        write.delete(CUSTOM_ROLES, *parts)
    else:
        write.put(CUSTOM_ROLES, *parts, value=role)
    await write.commit()


async def cloud_with(**policies: Policy) -> Cloud:
    cloud = await Cloud().build(**policies)
    for name in (OF_PROJECT, OF_ORGANIZATION):
        await define(cloud, name, READER)
    return cloud


async def may(cloud: Cloud, resource: Resource, permission: str = GET) -> bool:
    return await cloud.decision.allowed(ANNA, permission, resource, time=TIME)


@pytest.mark.parametrize("role", [OF_PROJECT, OF_ORGANIZATION])
@pytest.mark.parametrize("level", ["organization", "lower", "demo", "bucket"])
@pytest.mark.parametrize("when", [None, "true"])
async def test_a_custom_role_grants_what_it_carries(
    role: str, level: str, when: str | None
) -> None:
    granted = bind(role, ANNA.member, when=when)
    cloud = await cloud_with(**{level: policy(granted)})
    target = an_object(bucket(granted) if level == "bucket" else bucket())
    assert await may(cloud, target)
    assert not await may(cloud, target, "storage.objects.delete")
    assert not await cloud.decision.allowed(BOB, GET, target, time=TIME)


@pytest.mark.parametrize("member", [ANNA.member, "projectViewer:lab:demo"])
@pytest.mark.parametrize("when", [None, "true"])
@pytest.mark.parametrize(
    "change",
    [
        msgspec.structs.replace(READER, permissions=frozenset(("storage.objects.list",))),
        msgspec.structs.replace(READER, deleted=TIME),
        msgspec.structs.replace(READER, stage="DISABLED"),
        None,
    ],
)
async def test_a_changed_role_counts_at_the_next_question(
    member: str, when: str | None, change: CustomRole | None
) -> None:
    viewer = bind("roles/viewer", ANNA.member)
    cloud = await cloud_with(lower=policy(viewer))
    target = an_object(bucket(bind(OF_PROJECT, member, when=when)))
    assert await may(cloud, target)
    await define(cloud, OF_PROJECT, change)
    assert not await may(cloud, target)
    await define(cloud, OF_PROJECT, READER)
    assert await may(cloud, target)


async def test_a_role_of_another_project_or_organization_grants_nothing() -> None:
    cloud = await Cloud().build()
    for name in ("projects/lab:other/roles/reader", "organizations/9/roles/reader"):
        await define(cloud, name, READER)
        assert not await may(cloud, an_object(bucket(bind(name, ANNA.member))))


async def test_a_role_of_a_project_grants_nothing_beside_it() -> None:
    cloud = await cloud_with(organization=policy(bind(OF_PROJECT, ANNA.member)))
    assert await may(cloud, bucket())
    assert not await may(cloud, bucket(project=OTHER))


MANAGER = "cloudresourcemanager.googleapis.com"
ORGANIZATION = Resource(ResourceName(MANAGER, f"{MANAGER}/Organization", "organizations/1"), None)
TAG_KEY = Resource(
    ResourceName(MANAGER, f"{MANAGER}/TagKey", "tagKeys/7"), None, above="organizations/1"
)


@pytest.mark.parametrize("target", [ORGANIZATION, TAG_KEY])
async def test_what_is_in_no_project_inherits_from_what_it_lies_in(target: Resource) -> None:
    cloud = await cloud_with(organization=policy(bind(OF_ORGANIZATION, ANNA.member)))
    assert await may(cloud, target)


async def accepted(cloud: Cloud, role: str, resource: Resource, level: Level) -> Policy:
    wanted: Mapping[str, object] = {"bindings": [{"role": role, "members": ["user:a@x.com"]}]}
    around_it = await around(cloud.sealed.transaction(), resource, {"policy": wanted}, ())
    return policy_from_json(wanted, Place(level, around_it), etag="e")


@pytest.mark.parametrize(
    ("role", "resource", "level"),
    [
        (OF_PROJECT, bucket(), Level.BUCKET),
        (OF_ORGANIZATION, bucket(), Level.BUCKET),
        (OF_ORGANIZATION, bucket(project=OTHER), Level.BUCKET),
        (OF_ORGANIZATION, ORGANIZATION, Level.ORGANIZATION),
        (OF_ORGANIZATION, TAG_KEY, Level.ORGANIZATION),
    ],
)
async def test_a_custom_role_is_accepted_where_it_belongs(
    role: str, resource: Resource, level: Level
) -> None:
    made = await accepted(await cloud_with(), role, resource, level)
    assert [binding.role for binding in made.bindings] == [role]


@pytest.mark.parametrize(
    ("role", "resource", "level"),
    [
        (OF_PROJECT, bucket(project=OTHER), Level.BUCKET),
        (OF_PROJECT, ORGANIZATION, Level.ORGANIZATION),
        ("projects/lab:demo/roles/absent", bucket(), Level.BUCKET),
        ("organizations/2/roles/reader", bucket(), Level.BUCKET),
        ("folders/3/roles/reader", bucket(), Level.BUCKET),
        ("projects/lab:demo/roles/", bucket(), Level.BUCKET),
        ("projects/lab:demo/roles/reader/x", bucket(), Level.BUCKET),
    ],
)
async def test_a_custom_role_is_refused_elsewhere(
    role: str, resource: Resource, level: Level
) -> None:
    with pytest.raises(CloudError) as caught:
        await accepted(await cloud_with(), role, resource, level)
    assert caught.value.field == "bindings[0].role"


async def test_a_deleted_role_is_not_granted_and_a_disabled_one_may_be() -> None:
    cloud = await cloud_with()
    await define(cloud, OF_PROJECT, msgspec.structs.replace(READER, stage="DISABLED"))
    await accepted(cloud, OF_PROJECT, bucket(), Level.BUCKET)
    await define(cloud, OF_PROJECT, msgspec.structs.replace(READER, deleted=Micros(1)))
    with pytest.raises(CloudError, match="does not exist in the resource's hierarchy"):
        await accepted(cloud, OF_PROJECT, bucket(), Level.BUCKET)


async def test_a_project_that_moves_away_leaves_the_roles_of_its_organization_behind() -> None:
    granted = bind(OF_ORGANIZATION, ANNA.member)
    cloud = await cloud_with(demo=policy(granted))
    assert await may(cloud, bucket())
    await cloud.change(DEMO, parent="")
    assert not await may(cloud, bucket())
