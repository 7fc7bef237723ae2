"""Tags in effect: inherited, nearest first, and never out of date."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.names import ResourceName
from rempart.core.policy import Condition, Resource
from rempart.trust.policy.conditions import Situation, asks_for_tags, holds
from rempart.trust.policy.deny import DENY_POLICIES, DenyPolicy, DenyRule
from rempart.trust.policy.hierarchy import PROJECTS
from rempart.trust.policy.tags import (
    TAGS,
    EffectiveTags,
    Level,
    Tag,
    TagsOfResource,
    full_name,
    merged,
)
from support.clouds import DEMO, OTHER, TIME, Cloud, an_object, bind, bucket, policy, robot

MANAGER = "//cloudresourcemanager.googleapis.com"
PROD = Tag("tagKeys/1", "tagValues/2", "123/env", "prod")
TEST = Tag("tagKeys/1", "tagValues/3", "123/env", "test")
RED = Tag("tagKeys/4", "tagValues/5", "lab:demo/team", "red")
GET = "storage.objects.get"


async def bound(cloud: Cloud, name: str, *tags: Tag) -> None:
    tx = cloud.sealed.transaction()
    tx.put(TAGS, name, value=TagsOfResource(tags))
    await tx.commit()


async def number(cloud: Cloud) -> str:
    found = await cloud.sealed.find(PROJECTS, PROJECTS.key(DEMO))
    assert found is not None
    return found.value.number


async def test_tags_come_down_from_above_and_the_nearest_wins() -> None:
    cloud = await Cloud().build()
    effective, one = EffectiveTags(cloud.sealed), an_object(bucket())
    assert await effective.of(one.name, DEMO) == ()
    await bound(cloud, f"{MANAGER}/organizations/1", TEST, RED)
    assert await effective.of(one.name, DEMO) == (TEST, RED)
    await bound(cloud, f"{MANAGER}/projects/{await number(cloud)}", PROD)
    assert await effective.of(one.name, DEMO) == (PROD, RED)
    assert await effective.of(one.name, OTHER) == (TEST, RED)
    await bound(cloud, "//storage.googleapis.com/projects/_/buckets/b", TEST)
    assert await effective.of(one.name, DEMO) == (TEST, RED)
    await bound(cloud, "//storage.googleapis.com/projects/_/buckets/b")
    assert await effective.of(one.name, DEMO) == (PROD, RED)


async def test_folders_and_organizations_have_their_own_and_those_above() -> None:
    cloud = await Cloud().build()
    await bound(cloud, f"{MANAGER}/folders/2", PROD)
    service = "cloudresourcemanager.googleapis.com"
    for name, tags in (("folders/3", (PROD,)), ("folders/2", (PROD,)), ("organizations/1", ())):
        asked = ResourceName(service, f"{service}/X", name)
        assert await EffectiveTags(cloud.sealed).of(asked, None) == tags


@pytest.mark.parametrize(
    ("service", "relative", "bearer"),
    [
        ("storage", "projects/_/buckets/b/objects/a/b/c", "projects/_/buckets/b"),
        ("storage", "projects/_/buckets/b", "projects/_/buckets/b"),
        ("cloudkms", "projects/p/locations/l", ""),
        (
            "cloudkms",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "projects/p/locations/l/keyRings/r",
        ),
        ("iam", "projects/p/serviceAccounts/a", ""),
    ],
)
def test_a_bucket_bears_the_tags_of_its_objects_and_a_ring_those_of_its_keys(
    service: str, relative: str, bearer: str
) -> None:
    host = f"{service}.googleapis.com"
    told = full_name(ResourceName(host, f"{host}/X", relative))
    assert told == (f"//{host}/{bearer}" if bearer else "")


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("resource.matchTag('123/env', 'prod')", True),
        ("resource.matchTag('123/env', 'test')", False),
        ("resource.matchTag('124/env', 'prod')", False),
        ("resource.matchTagId('tagKeys/1', 'tagValues/2')", True),
        ("resource.matchTagId('tagKeys/1', 'tagValues/3')", False),
        ("resource.hasTagKey('123/env')", True),
        ("resource.hasTagKey('lab:demo/team')", False),
        ("resource.hasTagKeyId('tagKeys/1')", True),
        ("resource.hasTagKeyId('tagKeys/4')", False),
        ("!resource.hasTagKeyId('tagKeys/4') && resource.type == 'x/Y'", True),
        ("resource.matchTag('123/env')", False),
        ("!resource.matchTag('123/env')", False),
        ("!resource.hasTagKey(1)", False),
        ("!matchTag(resource, '123/env', 'prod')", False),
        ("!api.hasTagKey('124/env')", False),
    ],
)
def test_conditions_ask_for_tags_of_the_resource(text: str, true: bool) -> None:
    situation = Situation(ResourceName("x", "x/Y", "n"), TIME, tags=(PROD,))
    assert asks_for_tags(text)
    assert holds(text, situation) is true


@pytest.mark.parametrize("text", ["resource.hasTagKey('1/k')", "!resource.hasTagKey('1/k')"])
def test_where_nobody_looked_no_condition_about_tags_holds(text: str) -> None:
    assert not holds(text, Situation(ResourceName("x", "x/Y", "n"), TIME))


async def test_a_grant_hangs_on_the_tags_of_the_moment() -> None:
    cloud = await Cloud().build()
    who = robot("reader")
    binding = bind("roles/storage.objectViewer", who.member, when=_MATCHES)
    inside = an_object(bucket(binding))

    async def allowed() -> bool:
        return await cloud.decision.allowed(who, GET, inside, time=TIME)

    assert not await allowed()
    await bound(cloud, f"{MANAGER}/projects/{await number(cloud)}", PROD)
    assert await allowed()
    await bound(cloud, "//storage.googleapis.com/projects/_/buckets/b", TEST)
    assert not await allowed()


_MATCHES = "resource.matchTag('123/env', 'prod')"


async def test_conditions_from_above_ask_for_the_tags_below() -> None:
    who = robot("reader")
    binding = bind("roles/storage.objectViewer", who.member, when=_MATCHES)
    cloud = await Cloud().build(organization=policy(binding))
    inside: Resource = an_object(bucket())
    assert not await cloud.decision.allowed(who, GET, inside, time=TIME)
    await bound(cloud, "//storage.googleapis.com/projects/_/buckets/b", PROD)
    assert await cloud.decision.allowed(who, GET, inside, time=TIME)


async def test_a_deny_rule_may_spare_what_has_a_tag() -> None:
    who = robot("reader")
    cloud = await Cloud().build(organization=policy(bind("roles/storage.admin", who.member)))
    rule = DenyRule(
        principals=("principalSet://goog/public:all",),
        permissions=("storage.googleapis.com/objects.get",),
        condition=Condition(f"!{_MATCHES}"),
    )
    tx = cloud.sealed.transaction()
    made = DenyPolicy(uid="u", etag="e", created=TIME, updated=TIME, rules=(rule,))
    tx.put(DENY_POLICIES, "organizations", "1", "d", value=made)
    await tx.commit()
    inside = an_object(bucket())
    assert not await cloud.decision.allowed(who, GET, inside, time=TIME)
    await bound(cloud, "//storage.googleapis.com/projects/_/buckets/b", PROD)
    assert await cloud.decision.allowed(who, GET, inside, time=TIME)


_KEYS = st.sampled_from("abc")
_LEVELS = st.lists(
    st.tuples(
        st.just("//x"),
        st.lists(
            st.builds(
                Tag, st.sampled_from("abc"), st.sampled_from("12"), st.just("k"), st.just("v")
            ),
            unique_by=lambda tag: tag.key,
            max_size=3,
        ).map(tuple),
    ),
    max_size=5,
)


@given(_LEVELS)
def test_of_each_key_there_is_one_value_and_it_is_the_nearest(levels: list[Level]) -> None:
    found = {tag.key: tag for tag in merged(levels)}
    assert len(found) == len(merged(levels))
    plain: dict[str, Tag] = {}
    for _, tags in reversed(levels):
        plain |= {tag.key: tag for tag in tags}
    assert found == plain
