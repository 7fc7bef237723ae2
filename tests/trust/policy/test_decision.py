"""Who may: bindings along the hierarchy, everyone, stand-ins, scopes, and the words of refusal."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from rempart.core.errors import CloudError, Code, ErrorInfo
from rempart.core.grant import Grant
from rempart.core.names import FolderId, ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.core.principal import ANONYMOUS, Member, Principal
from rempart.trust.policy.hierarchy import FOLDERS, Folder, State
from support.clouds import (
    DEMO,
    OTHER,
    TIME,
    Cloud,
    an_object,
    bind,
    bucket,
    policy,
    robot,
)

GET, LIST = "storage.objects.get", "storage.objects.list"
VIEWER = "roles/storage.objectViewer"
KMS = "cloudkms.googleapis.com"
MANAGER = "cloudresourcemanager.googleapis.com"
ANNA, BOB = robot("anna"), robot("bob")


async def may(
    cloud: Cloud, principal: Principal, permission: str, resource: Resource, **more: object
) -> bool:
    return await cloud.decision.allowed(principal, permission, resource, time=TIME, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["organization", "upper", "lower", "demo"])
async def test_a_binding_on_any_level_above_grants(level: str) -> None:
    cloud = await Cloud().build(**{level: policy(bind(VIEWER, ANNA.member))})
    assert await may(cloud, ANNA, GET, an_object(bucket()))
    assert not await may(cloud, BOB, GET, an_object(bucket()))
    assert not await may(cloud, ANNA, "storage.objects.delete", an_object(bucket()))


async def test_a_binding_on_another_branch_grants_nothing() -> None:
    cloud = await Cloud().build(other=policy(bind(VIEWER, ANNA.member)))
    assert not await may(cloud, ANNA, GET, an_object(bucket()))
    assert await may(cloud, ANNA, GET, an_object(bucket(project=OTHER)))


async def test_a_binding_on_the_bucket_grants() -> None:
    cloud = await Cloud().build()
    assert await may(cloud, ANNA, GET, an_object(bucket(bind(VIEWER, ANNA.member))))


async def test_the_grant_says_who_what_and_when() -> None:
    cloud = await Cloud().build()
    target = an_object(bucket(bind(VIEWER, ANNA.member)))
    grant = await cloud.decision.authorise(ANNA, GET, target, time=TIME)
    assert grant == Grant(ANNA, GET, target.name, TIME)


@pytest.mark.parametrize(
    ("who", "code", "reason", "name"),
    [
        (ANNA, Code.PERMISSION_DENIED, "forbidden", ANNA.email),
        (ANONYMOUS, Code.UNAUTHENTICATED, "required", "Anonymous caller"),
    ],
)
@pytest.mark.parametrize("noun", ["bucket", "object"])
async def test_the_refusal_has_googles_words(
    who: Principal, code: Code, reason: str, name: str, noun: str
) -> None:
    cloud = await Cloud().build()
    target = an_object(bucket()) if noun == "object" else bucket()
    with pytest.raises(CloudError) as caught:
        await cloud.decision.authorise(who, GET, target, time=TIME)
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert caught.value.message == (
        f"{name} does not have {GET} access to the Google Cloud Storage {noun}. "
        f"Permission '{GET}' denied on resource (or it may not exist)."
    )


KEY_RING = Resource(
    ResourceName(KMS, f"{KMS}/KeyRing", "projects/lab:demo/locations/global/keyRings/r"), DEMO
)


@pytest.mark.parametrize("id_", ["demo", "nope"])
@pytest.mark.parametrize("permission", ["cloudkms.keyRings.list", "storage.buckets.list"])
async def test_who_leaves_the_prefix_of_a_project_out_is_told_of_it(
    permission: str, id_: str
) -> None:
    cloud = await Cloud().build()
    name = ResourceName(MANAGER, f"{MANAGER}/Project", f"projects/{id_}")
    with pytest.raises(CloudError, match=r"prefix, as in PREFIX:ID\.$"):
        await cloud.decision.authorise(ANNA, permission, Resource(name, None), time=TIME)


async def test_other_apis_name_the_resource_and_say_it_to_machines_too() -> None:
    cloud = await Cloud().build()
    with pytest.raises(CloudError) as caught:
        await cloud.decision.authorise(ANNA, "cloudkms.keyRings.get", KEY_RING, time=TIME)
    name = KEY_RING.name.name
    assert caught.value.message == (
        f"Permission 'cloudkms.keyRings.get' denied on resource '{name}' (or it may not exist)."
    )
    assert caught.value.info == ErrorInfo(
        "IAM_PERMISSION_DENIED",
        KMS,
        (("permission", "cloudkms.keyRings.get"), ("resource", name)),
    )


async def test_other_apis_ask_nobody_in_particular_for_a_credential() -> None:
    cloud = await Cloud().build()
    with pytest.raises(CloudError) as caught:
        await cloud.decision.authorise(ANONYMOUS, "cloudkms.keyRings.get", KEY_RING, time=TIME)
    assert caught.value.code is Code.UNAUTHENTICATED
    assert caught.value.info == ErrorInfo("CREDENTIALS_MISSING")


async def test_a_token_whose_scopes_fall_short_is_told_so_by_other_apis() -> None:
    cloud = await Cloud().build()
    limited = robot("anna", scopes=frozenset((AUTH + "devstorage.read_only",)))
    with pytest.raises(CloudError) as caught:
        await cloud.decision.authorise(limited, "cloudkms.keyRings.get", KEY_RING, time=TIME)
    assert caught.value.info == ErrorInfo("ACCESS_TOKEN_SCOPE_INSUFFICIENT")


async def test_absent_and_forbidden_are_told_the_same() -> None:
    cloud = await Cloud().build()
    messages = set()
    absent = msgspec.structs.replace(bucket(), project=None, policies=())
    for target in (bucket(), absent, bucket(project=ProjectId("lab:nowhere"))):
        with pytest.raises(CloudError) as caught:
            await cloud.decision.authorise(ANNA, GET, target, time=TIME)
        messages.add((caught.value.code, caught.value.message))
    assert len(messages) == 1


async def test_everyone_means_everyone_and_signed_in_means_signed_in() -> None:
    cloud = await Cloud().build()
    public, signed_in = (bucket(bind(VIEWER, who)) for who in ("allUsers", "allAuthenticatedUsers"))
    assert await may(cloud, ANONYMOUS, GET, public)
    assert await may(cloud, ANNA, GET, public)
    assert await may(cloud, ANNA, GET, signed_in)
    assert not await may(cloud, ANONYMOUS, GET, signed_in)


@pytest.mark.parametrize("who", ["allUsers", "allAuthenticatedUsers"])
async def test_public_access_prevention_stops_everyone_on_every_level(who: str) -> None:
    cloud = await Cloud().build(demo=policy(bind(VIEWER, who)))
    for principal in (ANNA, ANONYMOUS):
        assert not await may(cloud, principal, GET, bucket(bind(VIEWER, who), public=False))
    closed = bucket(bind(VIEWER, who, ANNA.member), public=False)
    assert await may(cloud, ANNA, GET, closed)


@pytest.mark.parametrize(
    "member",
    [
        "group:all@example.com",
        "domain:demo.lab.iam.gserviceaccount.com",
        "principalSet://iam.googleapis.com/locations/global/workforcePools/p/*",
        f"deleted:{ANNA.member}?uid={ANNA.unique_id}",
        f"user:{ANNA.email}",
        ANNA.member.upper(),
        ANNA.member + " ",
        "allusers",
        "",
        "*",
    ],
)
async def test_members_that_cannot_be_resolved_match_nobody(member: str) -> None:
    cloud = await Cloud().build()
    assert not await may(cloud, ANNA, GET, bucket(bind(VIEWER, member)))
    assert not await may(cloud, ANONYMOUS, GET, bucket(bind(VIEWER, member)))


async def test_a_role_that_does_not_exist_grants_nothing() -> None:
    cloud = await Cloud().build()
    for role in ("roles/storage.god", "projects/p/roles/custom", "", GET):
        assert not await may(cloud, ANNA, GET, bucket(bind(role, ANNA.member)))


@pytest.mark.parametrize(
    ("stand_in", "role"),
    [
        ("projectOwner", "roles/owner"),
        ("projectEditor", "roles/editor"),
        ("projectViewer", "roles/viewer"),
    ],
)
@pytest.mark.parametrize("level", ["demo", "lower", "organization"])
async def test_a_stand_in_is_whoever_holds_the_basic_role_on_that_project(
    stand_in: str, role: str, level: str
) -> None:
    cloud = await Cloud().build(**{level: policy(bind(role, ANNA.member))})
    own = bucket(bind("roles/storage.legacyObjectReader", f"{stand_in}:lab:demo"))
    assert await may(cloud, ANNA, GET, own)
    assert not await may(cloud, BOB, GET, own)
    others = bucket(bind("roles/storage.legacyObjectReader", f"{stand_in}:lab:nowhere"))
    assert not await may(cloud, ANNA, GET, others)


async def test_holding_another_basic_role_is_not_enough_for_a_stand_in() -> None:
    cloud = await Cloud().build(demo=policy(bind("roles/viewer", ANNA.member)))
    assert not await may(cloud, ANNA, GET, bucket(bind(VIEWER, "projectOwner:lab:demo")))


async def test_everyone_holding_a_basic_role_makes_nobody_a_stand_in() -> None:
    cloud = await Cloud().build(demo=policy(bind("roles/owner", "allUsers")))
    target = bucket(bind(VIEWER, "projectOwner:lab:demo"))
    assert not await may(cloud, ANONYMOUS, GET, target)
    assert not await may(cloud, ANNA, GET, target)


async def test_a_conditional_stand_in_needs_both() -> None:
    cloud = await Cloud().build(demo=policy(bind("roles/owner", ANNA.member)))
    for text, expected in (("true", True), ("false", False)):
        target = bucket(bind(VIEWER, "projectOwner:lab:demo", when=text))
        assert await may(cloud, ANNA, GET, target) is expected
        assert not await may(cloud, BOB, GET, target)


async def test_a_condition_decides_by_the_objects_name() -> None:
    cloud = await Cloud().build()
    text = 'resource.name.startsWith("projects/_/buckets/b/objects/a/")'
    target = bucket(bind(VIEWER, ANNA.member, when=text))
    assert await may(cloud, ANNA, GET, an_object(target, "a/x"))
    assert not await may(cloud, ANNA, GET, an_object(target, "b/x"))
    assert not await may(cloud, BOB, GET, an_object(target, "a/x"))


async def test_a_condition_reads_the_list_prefix() -> None:
    cloud = await Cloud().build()
    name = "storage.googleapis.com/objectListPrefix"
    text = f"api.getAttribute('{name}', '').startsWith('a/')"
    target = bucket(bind(VIEWER, ANNA.member, when=text))
    for prefix, expected in (("a/b", True), ("b", False)):
        asked = msgspec.structs.replace(target, attributes=((name, prefix),))
        assert await may(cloud, ANNA, LIST, asked) is expected
    assert not await may(cloud, ANNA, LIST, target)


@pytest.mark.parametrize("text", ["", "1 +", "resource.nope", "1", '"true"', "resource.x == 1"])
async def test_a_condition_that_fails_in_any_way_does_not_grant(text: str) -> None:
    cloud = await Cloud().build()
    assert not await may(cloud, ANNA, GET, bucket(bind(VIEWER, ANNA.member, when=text)))


async def test_a_project_that_is_being_deleted_grants_nothing_but_its_own_rescue() -> None:
    cloud = await Cloud().build(demo=policy(bind("roles/owner", ANNA.member)))
    own = bucket(bind("roles/storage.admin", ANNA.member))
    assert await may(cloud, ANNA, GET, own)
    await cloud.change(DEMO, state=State.DELETE_REQUESTED)
    assert not await may(cloud, ANNA, GET, own)
    manager = "cloudresourcemanager.googleapis.com"
    project = Resource(ResourceName(manager, f"{manager}/Project", "projects/lab:demo"), DEMO)
    assert await may(cloud, ANNA, "resourcemanager.projects.undelete", project)


async def test_a_changed_policy_takes_effect_at_once() -> None:
    cloud = await Cloud().build(demo=policy(bind(VIEWER, ANNA.member)))
    assert await may(cloud, ANNA, GET, bucket())
    await cloud.change(DEMO, policy=policy(bind(VIEWER, BOB.member)))
    assert not await may(cloud, ANNA, GET, bucket())
    assert await may(cloud, BOB, GET, bucket())


@pytest.mark.parametrize("level", ["organization", "upper", "lower"])
async def test_a_changed_policy_above_the_project_takes_effect_at_once(level: str) -> None:
    cloud = await Cloud().build(**{level: policy(bind(VIEWER, ANNA.member))})
    assert await may(cloud, ANNA, GET, bucket())
    await cloud.build(**{level: policy(bind(VIEWER, BOB.member))})
    assert not await may(cloud, ANNA, GET, bucket())
    assert await may(cloud, BOB, GET, bucket())
    write = cloud.sealed.transaction()
    found = await write.get(FOLDERS, "2")
    assert found is not None
    write.put(FOLDERS, "2", value=replace(found, parent=""))
    write.put(FOLDERS, "3", value=Folder(FolderId("3"), "low", "folders/2", TIME))
    await write.commit()
    assert await may(cloud, BOB, GET, bucket()) is (level == "upper")


async def test_a_stand_in_counts_in_an_inherited_policy_too() -> None:
    cloud = await Cloud().build(
        other=policy(bind("roles/owner", ANNA.member)),
        upper=policy(bind(VIEWER, "projectOwner:lab:other")),
    )
    assert await may(cloud, ANNA, GET, bucket())
    assert not await may(cloud, BOB, GET, bucket())
    await cloud.change(OTHER, state=State.DELETE_REQUESTED)
    assert not await may(cloud, ANNA, GET, bucket())


async def test_folders_and_organizations_inherit_too() -> None:
    cloud = await Cloud().build(organization=policy(bind("roles/browser", ANNA.member)))
    manager = "cloudresourcemanager.googleapis.com"
    for kind, name in (("Folder", "folders/3"), ("Organization", "organizations/1")):
        target = Resource(ResourceName(manager, f"{manager}/{kind}", name), None)
        assert await may(cloud, ANNA, f"resourcemanager.{kind.lower()}s.get", target)
        assert not await may(cloud, BOB, f"resourcemanager.{kind.lower()}s.get", target)


async def test_a_broken_link_upwards_grants_nothing_from_above() -> None:
    cloud = await Cloud().build(organization=policy(bind(VIEWER, ANNA.member)))
    for parent in ("folders/99", "organizations/99", "nonsense", "projects/lab:other", ""):
        await cloud.change(DEMO, parent=parent)
        assert not await may(cloud, ANNA, GET, bucket())


async def test_a_circle_of_folders_is_our_bug_and_ends() -> None:
    cloud = await Cloud().build()
    write = cloud.sealed.transaction()
    write.put(FOLDERS, "2", value=Folder(FolderId("2"), "upper", "folders/3", TIME))
    await write.commit()
    with pytest.raises(Exception, match="too deep"):
        await may(cloud, ANNA, GET, bucket())


AUTH = "https://www.googleapis.com/auth/"
WRITES = [
    "storage.objects.create",
    "storage.objects.delete",
    "storage.buckets.create",
    "storage.buckets.delete",
]
CONTROLS = [
    "storage.objects.setIamPolicy",
    "storage.buckets.setIamPolicy",
    "storage.buckets.update",
]
READS = [GET, LIST, "storage.buckets.get", "storage.buckets.list", "storage.folders.list"]


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("cloud-platform", {*READS, *WRITES, *CONTROLS}),
        ("devstorage.full_control", {*READS, *WRITES, *CONTROLS}),
        ("devstorage.read_write", {*READS, *WRITES}),
        ("devstorage.read_only", {*READS}),
        ("cloud-platform.read-only", {*READS}),
        ("userinfo.email", set()),
        ("pubsub", set()),
        ("devstorage", set()),
    ],
)
async def test_scopes_limit_what_a_token_may(scope: str, allowed: set[str]) -> None:
    cloud = await Cloud().build(demo=policy(bind("roles/storage.admin", ANNA.member)))
    limited = robot("anna", scopes=frozenset((AUTH + scope,)))
    every = [*READS, *WRITES, *CONTROLS]
    assert set(await cloud.decision.test(limited, every, bucket())) == allowed
    assert list(await cloud.decision.test(ANNA, every, bucket())) == every
    for permission in set(every) - allowed:
        with pytest.raises(CloudError, match="Provided scope") as caught:
            await cloud.decision.authorise(limited, permission, bucket(), time=TIME)
        assert caught.value.code is Code.PERMISSION_DENIED


async def test_scopes_never_add_a_permission() -> None:
    cloud = await Cloud().build()
    whole = robot("anna", scopes=frozenset((AUTH + "cloud-platform",)))
    assert not await may(cloud, whole, GET, bucket())


async def test_testing_permissions_keeps_their_order_and_leaves_out_nonsense() -> None:
    cloud = await Cloud().build()
    target = bucket(bind(VIEWER, ANNA.member))
    asked = ["storage.objects.list", "x.y", "storage.objects.delete", "storage.objects.get"]
    assert await cloud.decision.test(ANNA, asked, target) == (LIST, GET)
    assert await cloud.decision.test(ANONYMOUS, asked, target) == ()


def test_a_member_is_no_string_prefix() -> None:
    assert Member("serviceAccount:a") != robot("a").member
