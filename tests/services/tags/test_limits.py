"""Google's limits of tags, each at its edge, and what policy sees of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.core.grant import Grant
from rempart.core.names import ResourceName
from rempart.core.policy import Policy, Resource
from rempart.core.principal import ANONYMOUS
from rempart.services.resourcemanager.store import Setup as ManagerSetup
from rempart.services.resourcemanager.tags import model
from rempart.services.resourcemanager.tags.api import bindings, holds
from rempart.services.resourcemanager.tags.bindable import Target
from rempart.services.resourcemanager.tags.kinds import TAG_KEY, TAG_NAME, TAG_VALUE, Named
from rempart.services.resourcemanager.tags.model import Hold, TagKey, TagValue
from rempart.services.resourcemanager.tags.store import Setup, TagStore
from rempart.trust.policy.tags import EffectiveTags, Tag
from rempart.trust.session import Session
from support.worlds import START, TestUniverse, call

HERE = ResourceName("x", "x/Y", "tagValues/7")
GRANT: Any = None  # what is asked here reads none
KEY = TagKey(
    id="5",
    parent="organizations/1",
    namespace="1",
    short="env",
    created=START,
    updated=START,
    etag="e",
    policy=Policy(),
)
VALUE = TagValue(
    id="7",
    key="5",
    namespaced="1/env/v",
    short="v",
    created=START,
    updated=START,
    etag="e",
    policy=Policy(),
)


def opened() -> TagStore:
    universe = TestUniverse()

    async def intend() -> None:
        return None

    authority: Any = None
    tx = universe.sealed.transaction()
    session = Session(tx, authority, intend, call(), ANONYMOUS)
    manager = ManagerSetup(universe.world, "lab")
    return TagStore(Setup(manager, EffectiveTags(universe.sealed), ()), session)


async def refused(work: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(CloudError) as problem:
        await work()
    assert problem.value.code is Code.RESOURCE_EXHAUSTED
    return problem.value.reason


async def test_a_parent_has_so_many_keys() -> None:
    store = opened()
    for number in range(model.KEYS_PER_PARENT_MAX):
        store.session.tx.put(TAG_NAME, KEY.parent, f"k{number}", value=Named(str(number)))
    await store.session.tx.commit()
    full = replace(KEY, short="more")
    assert await refused(lambda: store.create_key(GRANT, full)) == "TAG_KEYS_PER_PARENT"
    await store.create_key(GRANT, replace(full, parent="organizations/2"))


async def test_a_key_has_so_many_values() -> None:
    store, most = opened(), model.VALUES_PER_KEY_MAX
    await store.create_value(GRANT, replace(KEY, values=most - 1), VALUE)
    full = replace(KEY, values=most)
    assert await refused(lambda: store.create_value(GRANT, full, VALUE)) == "TAG_VALUES_PER_KEY"


def test_a_resource_has_so_many_tags() -> None:
    tags = tuple(
        Tag(f"tagKeys/{number}", "tagValues/1", "1/k", "v")
        for number in range(model.TAGS_PER_RESOURCE_MAX)
    )
    target = Target("//x/y", Resource(HERE, None), "x")
    one = Tag("tagKeys/99", "tagValues/1", "1/k", "v")
    assert len(bindings._with(tags[1:], one, target)) == model.TAGS_PER_RESOURCE_MAX
    with pytest.raises(CloudError, match="50 tags"):
        bindings._with(tags, one, target)


async def test_a_value_has_so_many_holds() -> None:
    store = opened()
    many = tuple(
        Hold(id=str(number), holder=f"//h/{number}", created=Micros(0))
        for number in range(model.HOLDS_PER_VALUE_MAX)
    )
    store.session.tx.put(TAG_VALUE, "7", value=replace(VALUE, holds=many))
    asked: Any = replace(call(), document={"holder": "//another"})
    grant = Grant(ANONYMOUS, "", HERE, START)
    assert await refused(lambda: holds.create(grant, asked, store)) == "TAG_HOLDS_PER_VALUE"


async def test_what_denies_above_a_key_of_an_organization_counts_for_its_values() -> None:
    store = opened()
    store.session.tx.put(TAG_KEY, KEY.id, value=KEY)
    store.session.tx.put(TAG_VALUE, VALUE.id, value=VALUE)
    seen = await store.value_resource(VALUE.name)
    assert (seen.above, seen.project) == (KEY.parent, None)
    assert seen.policies == (VALUE.policy, KEY.policy)
    absent = await store.value_resource("tagValues/8")
    assert (absent.above, absent.policies) == ("", ())
