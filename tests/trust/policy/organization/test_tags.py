"""Conditions on tags: Google's small grammar, and the tags that are in effect."""

from __future__ import annotations

import pytest

from rempart.core.errors import CloudError
from rempart.core.policy import Condition
from rempart.trust.policy.organization.constraints import CONSTRAINTS
from rempart.trust.policy.organization.documents import POLICY, OrgPolicy, Rule, Spec
from rempart.trust.policy.organization.policies import Policies
from rempart.trust.policy.organization.tags import SUBEXPRESSIONS_MAX, check, holds
from rempart.trust.policy.organization.values import plain
from rempart.trust.policy.tags import TAGS, Tag, TagsOfResource
from support.clouds import Cloud

PROD = Tag("tagKeys/5", "tagValues/6", "1/environment", "prod")
ONE = "resource.matchTag('1/environment', 'prod')"


@pytest.mark.parametrize(
    ("expression", "with_prod", "without"),
    [
        (ONE, True, False),
        ("resource.matchTag('1/environment', 'test')", False, False),
        ("resource.matchTagId('tagKeys/5', 'tagValues/6')", True, False),
        ("resource.hasTagKey('1/environment')", True, False),
        ('resource.hasTagKeyId("tagKeys/5")', True, False),
        (f"{ONE} && resource.hasTagKey('1/other')", False, False),
        (f"resource.hasTagKey('1/other') || {ONE}", True, False),
        (f"{ONE} || {ONE} && resource.hasTagKey('1/other')", True, False),
    ],
)
def test_a_condition_asks_for_tags(expression: str, with_prod: bool, without: bool) -> None:
    check(expression)
    assert holds(expression, [PROD]) == with_prod
    assert holds(expression, []) == without


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "true",
        "resource.matchTag('a')",
        f"!{ONE}",
        f"({ONE})",
        f"{ONE} ||",
        f"{ONE} | {ONE}",
        "resource.name == 'x'",
        "resource.matchTag('a\\'b', 'c')",
        " || ".join([ONE] * (SUBEXPRESSIONS_MAX + 1)),
        "x" * 5000,
    ],
)
def test_anything_else_is_refused(expression: str) -> None:
    with pytest.raises(CloudError):
        check(expression)


async def carrying(constraint: str, rules: tuple[Rule, ...], *tags: Tag) -> Policies:
    """Return policies with one rule set on an organization of which one project carries tags."""
    cloud = await Cloud().build()
    write = cloud.sealed.transaction()
    write.put(POLICY, "organizations/1", constraint, value=OrgPolicy(Spec(rules)))
    bearer = "//cloudresourcemanager.googleapis.com/projects/11"
    write.put(TAGS, bearer, value=TagsOfResource(tags))
    await write.commit()
    return Policies(cloud.sealed)


async def test_the_rule_whose_condition_holds_takes_precedence() -> None:
    rules = (Rule(deny_all=True), Rule(allowed=("a",), condition=Condition(ONE)))
    constraint = CONSTRAINTS["iam.workloadIdentityPoolProviders"]
    policies = await carrying(constraint.name, rules, PROD)
    for project, passes in (("lab:demo", True), ("lab:other", False)):
        found = await policies.effective(constraint, f"projects/{project}")
        assert found is not None
        assert found.admits(plain("a"), None) == passes


async def test_a_tag_that_is_bound_later_counts_at_once() -> None:
    rules = (Rule(enforce=False), Rule(enforce=True, condition=Condition(ONE)))
    constraint = CONSTRAINTS["storage.uniformBucketLevelAccess"]
    cloud = await Cloud().build()
    policies = Policies(cloud.sealed)
    write = cloud.sealed.transaction()
    write.put(POLICY, "organizations/1", constraint.name, value=OrgPolicy(Spec(rules)))
    await write.commit()
    assert not await policies.enforced(constraint, "projects/lab:demo")
    write = cloud.sealed.transaction()
    bearer = "//cloudresourcemanager.googleapis.com/folders/2"
    write.put(TAGS, bearer, value=TagsOfResource((PROD,)))
    await write.commit()
    assert await policies.enforced(constraint, "projects/lab:demo")
    assert not await policies.enforced(constraint, "projects/lab:other")
