"""Deny policies: refused before anything grants, on a level and below, at once, and fail closed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rempart.core.errors import CloudError
from rempart.core.policy import Condition, Resource
from rempart.core.principal import ANONYMOUS, Member, Principal
from rempart.trust.identity.federation import members
from rempart.trust.identity.federation.mapping import Attributes
from rempart.trust.policy.deny import (
    DENY_POLICIES,
    DenyPolicy,
    DenyRule,
    member_of,
    permission_pattern,
)
from support.clouds import DEMO, OTHER, TIME, Cloud, an_object, bind, bucket, policy, robot

GET, LIST = "storage.objects.get", "storage.objects.list"
ADMIN = "roles/storage.admin"
ANNA, BOB = robot("anna"), robot("bob")
EVERYBODY = "principalSet://goog/public:all"
ACCOUNT = "principal://iam.googleapis.com/projects/-/serviceAccounts/"
MANAGER = "principalSet://cloudresourcemanager.googleapis.com"


def rule(
    *principals: str,
    but: tuple[str, ...] = (),
    deny: tuple[str, ...] = ("storage.googleapis.com/objects.get",),
    except_: tuple[str, ...] = (),
    when: str | None = None,
) -> DenyRule:
    return DenyRule(
        principals=principals,
        exempt_principals=but,
        permissions=deny,
        exempt_permissions=except_,
        condition=Condition(when) if when is not None else None,
    )


async def deny(cloud: Cloud, level: str, *rules: DenyRule, id_: str = "d") -> None:
    write = cloud.sealed.transaction()
    if rules:
        made = DenyPolicy(uid="u", etag="e", created=TIME, updated=TIME, rules=rules)
        write.put(DENY_POLICIES, *level.split("/"), id_, value=made)
    else:
        write.delete(DENY_POLICIES, *level.split("/"), id_)
    await write.commit()


async def open_cloud() -> Cloud:
    everyone = policy(bind(ADMIN, ANNA.member, BOB.member, "allUsers"))
    return await Cloud().build(organization=everyone)


async def may(
    cloud: Cloud, who: Principal = ANNA, what: str = GET, on: Resource | None = None
) -> bool:
    target = on or an_object(bucket(bind(ADMIN, "allUsers")))
    return await cloud.decision.allowed(who, what, target, time=TIME)


@pytest.mark.parametrize(
    "level", ["projects/lab:demo", "folders/3", "folders/2", "organizations/1"]
)
async def test_a_rule_denies_on_its_level_and_below_and_only_while_it_is_there(level: str) -> None:
    cloud = await open_cloud()
    assert await may(cloud)
    await deny(cloud, level, rule(EVERYBODY))
    assert not await may(cloud)
    assert await may(cloud, what=LIST)
    elsewhere = bucket(bind(ADMIN, "allUsers"), project=OTHER)
    assert await may(cloud, on=elsewhere) is (level != "organizations/1")
    await deny(cloud, level)
    assert await may(cloud)


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        (EVERYBODY, True),
        (f"{ACCOUNT}{ANNA.email}", True),
        (f"{ACCOUNT}{ANNA.email.upper()}", True),
        (f"{ACCOUNT}{BOB.email}", False),
        (f"deleted:{ACCOUNT}{ANNA.email}?uid=1", False),
        (f"principal://goog/subject/{ANNA.email}", False),
        (f"{MANAGER}/projects/11/type/ServiceAccount", True),
        (f"{MANAGER}/folders/2/type/ServiceAccount", True),
        (f"{MANAGER}/organizations/1/type/ServiceAccount", True),
        (f"{MANAGER}/projects/12/type/ServiceAccount", False),
        ("principalSet://goog/group/all@example.com", False),
    ],
)
async def test_a_rule_is_about_those_it_names(principal: str, *, named: bool) -> None:
    cloud = await open_cloud()
    await deny(cloud, "folders/2", rule(principal))
    assert await may(cloud) is not named
    await deny(cloud, "folders/2", rule(EVERYBODY, but=(principal,)))
    assert await may(cloud) is named


async def test_a_later_account_of_an_email_is_denied_with_the_first_but_not_exempt_with_it() -> (
    None
):
    later = replace(ANNA, member=Member(f"{ANNA.member}?uid=7"))
    everyone = policy(bind(ADMIN, ANNA.member, later.member))
    cloud = await Cloud().build(organization=everyone)
    target = an_object(bucket())
    assert await may(cloud, later, on=target)
    await deny(cloud, "folders/2", rule(f"{ACCOUNT}{ANNA.email}"))
    assert not await may(cloud, later, on=target)
    await deny(cloud, "folders/2", rule(EVERYBODY, but=(f"{ACCOUNT}{ANNA.email}",)))
    assert await may(cloud, ANNA, on=target)
    assert not await may(cloud, later, on=target)


@pytest.mark.parametrize("spelled", ["a%20b/c%3Fuid=7", "a%20b%2Fc?uid=7", "a%20%62/c%3fuid=7"])
async def test_a_subject_is_denied_however_it_is_spelled(spelled: str) -> None:
    pool = "projects/11/locations/global/workloadIdentityPools/ci"
    cloud = await open_cloud()
    attributes = Attributes("a b/c?uid=7", groups=("g/h i",))
    member = members.member(pool, attributes.subject)
    who = Principal(member, member, "s", DEMO, sets=members.sets(pool, attributes))
    assert await may(cloud, who)
    await deny(cloud, "folders/3", rule(f"principal://iam.googleapis.com/{pool}/subject/{spelled}"))
    assert not await may(cloud, who)
    await deny(
        cloud, "folders/3", rule(f"principalSet://iam.googleapis.com/{pool}/group/g%2Fh%20i")
    )
    assert not await may(cloud, who)
    await deny(cloud, "folders/3", rule(f"principal://iam.googleapis.com/{pool}/subject/a%20b/c"))
    assert await may(cloud, who)


async def test_everybody_includes_the_anonymous_caller() -> None:
    cloud = await open_cloud()
    assert await may(cloud, ANONYMOUS)
    await deny(cloud, "organizations/1", rule(EVERYBODY))
    assert not await may(cloud, ANONYMOUS)


@pytest.mark.parametrize(
    ("denied", "exempt", "covers"),
    [
        (("storage.googleapis.com/*.*",), (), True),
        (("storage.googleapis.com/objects.*",), (), True),
        (("storage.googleapis.com/*.get",), (), True),
        (("storage.googleapis.com/*.list",), (), False),
        (("cloudkms.googleapis.com/*.*",), (), False),
        (("storage.googleapis.com/*.*",), ("storage.googleapis.com/objects.get",), False),
        (("storage.googleapis.com/*.*",), ("storage.googleapis.com/*.get",), False),
        (("storage.googleapis.com/*.*",), ("storage.googleapis.com/buckets.*",), True),
        (("storage.objects.get",), (), False),
        ((), (), False),
    ],
)
async def test_a_rule_covers_permissions_by_name_and_by_pattern(
    denied: tuple[str, ...], exempt: tuple[str, ...], *, covers: bool
) -> None:
    cloud = await open_cloud()
    await deny(cloud, "folders/2", rule(EVERYBODY, deny=denied, except_=exempt))
    assert await may(cloud) is not covers


@pytest.mark.parametrize(
    ("when", "denies"),
    [
        ("true", True),
        ("false", False),
        ('resource.name.endsWith("/a/b.txt")', True),
        ('resource.name.endsWith("/c")', False),
        ("resource['nope'] == 1", True),
        ("1 +", True),
        ("1", True),
        ("", False),
    ],
)
async def test_a_condition_spares_only_where_it_is_false(when: str, *, denies: bool) -> None:
    cloud = await open_cloud()
    await deny(cloud, "folders/2", rule(EVERYBODY, when=when))
    assert await may(cloud) is not (denies or when == "")


async def test_one_rule_among_many_is_enough() -> None:
    cloud = await open_cloud()
    harmless = rule(f"{ACCOUNT}{BOB.email}")
    await deny(cloud, "folders/2", harmless, harmless)
    await deny(cloud, "folders/2", harmless, rule(EVERYBODY, when="true"), id_="e")
    assert not await may(cloud)


async def test_the_refusal_does_not_tell_who_denies() -> None:
    cloud = await open_cloud()
    await deny(cloud, "folders/2", rule(EVERYBODY))
    with pytest.raises(CloudError) as by_deny:
        await cloud.decision.authorise(ANNA, GET, an_object(bucket()), time=TIME)
    await deny(cloud, "folders/2")
    with pytest.raises(CloudError) as by_nobody:
        await cloud.decision.authorise(ANNA, GET, an_object(bucket(project=None)), time=TIME)
    assert (by_deny.value.code, by_deny.value.message) == (
        by_nobody.value.code,
        by_nobody.value.message,
    )


def test_permissions_of_iam_v2_are_ours_under_other_names() -> None:
    assert permission_pattern("storage.googleapis.com/objects.get") == GET
    manager = "cloudresourcemanager.googleapis.com/projects.delete"
    assert permission_pattern(manager) == "resourcemanager.projects.delete"
    for wrong in ("storage.objects.get", "storage.googleapis.com/objects", "a/b.c", "*/*.*", ""):
        assert permission_pattern(wrong) is None


def test_an_escaped_principal_is_read() -> None:
    assert member_of("principal://goog/subject/a%40example.com") == "user:a@example.com"
