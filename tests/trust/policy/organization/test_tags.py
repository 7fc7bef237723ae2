"""Conditions on tags: Google's small grammar, and nothing passes where tags are not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from rempart.core.errors import CloudError
from rempart.core.policy import Condition
from rempart.trust.custody.sealed import Kind
from rempart.trust.policy.organization.constraints import CONSTRAINTS
from rempart.trust.policy.organization.documents import POLICY, OrgPolicy, Rule, Spec
from rempart.trust.policy.organization.policies import Policies
from rempart.trust.policy.organization.tags import SUBEXPRESSIONS_MAX, Tag, check, holds
from rempart.trust.policy.organization.values import plain
from support.clouds import Cloud

PROD = Tag("1/environment", "prod", "tagKeys/5", "tagValues/6")
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


@dataclass
class Known:
    """Tags as Resource Manager will tell them."""

    tags: dict[str, list[Tag]] = field(default_factory=dict)
    kinds: tuple[Kind[Any], ...] = ()

    async def effective(self, resource: str) -> Iterable[Tag]:
        return self.tags.get(resource, [])


async def test_the_rule_whose_condition_holds_takes_precedence() -> None:
    cloud = await Cloud().build()
    write = cloud.sealed.transaction()
    rules = (Rule(deny_all=True), Rule(allowed=("a",), condition=Condition(ONE)))
    constraint = CONSTRAINTS["iam.workloadIdentityPoolProviders"]
    policy = OrgPolicy(Spec(rules))
    write.put(POLICY, "organizations/1", constraint.name, value=policy)
    await write.commit()
    for tags, passes in (
        (Known({"projects/lab:demo": [PROD]}), True),
        (Known(), False),
        (None, False),
    ):
        found = await Policies(cloud.sealed, tags).effective(constraint, "projects/lab:demo")
        assert found is not None
        assert found.admits(plain("a"), None) == passes


async def test_an_unknown_condition_enforces() -> None:
    cloud = await Cloud().build()
    write = cloud.sealed.transaction()
    rules = (Rule(enforce=False), Rule(enforce=True, condition=Condition(ONE)))
    constraint = CONSTRAINTS["storage.uniformBucketLevelAccess"]
    write.put(POLICY, "folders/2", constraint.name, value=OrgPolicy(Spec(rules)))
    await write.commit()
    assert await Policies(cloud.sealed).enforced(constraint, "projects/lab:demo")
    assert not await Policies(cloud.sealed).enforced(constraint, "projects/lab:other")
    assert not await Policies(cloud.sealed, Known()).enforced(constraint, "projects/lab:demo")
