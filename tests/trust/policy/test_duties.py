"""Separation of duties: what may not meet in one hand is refused when it is granted."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError, Code
from rempart.core.policy import Binding, Policy, Resource
from rempart.trust.policy.around import around
from rempart.trust.policy.custom_roles import CUSTOM_ROLES, CustomRole
from rempart.trust.policy.duties import Duty, check_duties
from rempart.trust.policy.iam import replaced
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import Place
from support import worlds
from support.clouds import TIME, Cloud, bind, bucket, policy

DUTY = Duty(
    "keys-and-data",
    frozenset(("roles/cloudkms.admin",)),
    frozenset(("storage.objects.get",)),
    "as 9.3.f has it",
)
KEYS, DATA = "roles/cloudkms.admin", "roles/storage.objectViewer"
A, B = "user:a@x.com", "user:b@x.com"
CUSTOM = "projects/lab:demo/roles/reader"


def check(new: Policy, *above: Policy, old: Policy | None = None) -> None:
    check_duties(
        (DUTY,), old or Policy(), new, above, {CUSTOM: frozenset(("storage.objects.get",))}
    )


def broken(new: Policy, *above: Policy, old: Policy | None = None) -> CloudError:
    with pytest.raises(CloudError) as caught:
        check(new, *above, old=old)
    return caught.value


def test_the_refusal_names_the_rule_and_the_member() -> None:
    problem = broken(policy(bind(KEYS, A, B), bind(DATA, A)))
    assert problem.code is Code.FAILED_PRECONDITION
    assert problem.message == (
        f"The separation of duties 'keys-and-data' (as 9.3.f has it) is broken: {A} would hold "
        "both sides of it on one resource or along the way to it."
    )
    assert problem.info is not None
    assert problem.info.reason == "SEPARATION_OF_DUTIES"
    assert problem.info.metadata == (("rule", "keys-and-data"), ("member", A))


def test_two_members_may_share_the_work() -> None:
    check(policy(bind(KEYS, A), bind(DATA, B)))


@pytest.mark.parametrize(
    ("new", "above"),
    [
        (bind(DATA, A), bind(KEYS, A)),
        (bind(KEYS, A), bind(DATA, A)),
        (bind(DATA, A, when="false"), bind(KEYS, A, when="false")),
        (bind(KEYS, A), bind(DATA, "allUsers")),
        (bind(DATA, "allAuthenticatedUsers"), bind(KEYS, A)),
        (bind(CUSTOM, A), bind(KEYS, A)),
    ],
)
def test_rights_meet_along_the_way_to_a_resource(new: Binding, above: Binding) -> None:
    broken(policy(new), policy(above))


def test_an_owner_has_what_owners_of_the_project_have() -> None:
    owner = bind("roles/owner", A)
    check(policy(bind(KEYS, "projectOwner:lab:demo")), policy(bind("roles/viewer", A)))
    broken(
        policy(bind(KEYS, "projectOwner:lab:demo"), bind(DATA, "projectOwner:lab:demo")),
        policy(owner),
    )


def test_what_met_before_stays_and_may_be_taken_apart() -> None:
    both = policy(bind(KEYS, A), bind(DATA, A))
    check(policy(bind(KEYS, A), bind(DATA, A, B)), old=both)
    check(policy(bind(KEYS, A)), old=both)
    broken(policy(bind(KEYS, A, B), bind(DATA, A, B)), old=both)


roles = st.sampled_from((KEYS, DATA, "roles/cloudkms.viewer"))
policies = st.lists(st.builds(bind, roles, st.sampled_from((A, B))), max_size=4).map(
    lambda made: policy(*made)
)


@given(policies, policies, policies)
def test_a_change_is_refused_exactly_where_it_brings_both_sides_together(
    old: Policy, new: Policy, above: Policy
) -> None:
    def meets(own: Policy, member: str) -> bool:
        held = {one.role for one in (*own.bindings, *above.bindings) if member in one.members}
        return {KEYS, DATA} <= held

    expected = any(meets(new, member) and not meets(old, member) for member in (A, B))
    if expected:
        broken(new, above, old=old)
    else:
        check(new, above, old=old)


async def put(cloud: Cloud, resource: Resource, role: str, level: Level = Level.BUCKET) -> Policy:
    wanted: dict[str, object] = {"policy": {"bindings": [{"role": role, "members": [A]}]}}
    call = msgspec.structs.replace(worlds.call(), document=wanted)
    tx = cloud.sealed.transaction()
    place = Place(level, await around(tx, resource, wanted, (DUTY,)))
    return replaced(resource.policies[0], call, place, etag="e")


@pytest.mark.parametrize("level", ["organization", "upper", "lower", "demo"])
async def test_every_level_above_is_looked_at(level: str) -> None:
    cloud = await Cloud().build(**{level: policy(bind(KEYS, A))})
    with pytest.raises(CloudError, match="keys-and-data"):
        await put(cloud, bucket(), DATA)
    assert (await put(cloud, bucket(), "roles/storage.legacyBucketReader")).bindings


async def test_the_policy_that_is_replaced_does_not_count() -> None:
    cloud = await Cloud().build(demo=policy(bind(KEYS, A)))
    await put(cloud, bucket(bind(DATA, A)), DATA)
    other = await Cloud().build()
    await put(other, bucket(bind(KEYS, A)), DATA)


async def test_what_a_custom_role_carries_counts() -> None:
    cloud = await Cloud().build(demo=policy(bind(CUSTOM, A)))
    tx = cloud.sealed.transaction()
    reader = CustomRole(permissions=frozenset(("storage.objects.get",)), created=TIME)
    tx.put(CUSTOM_ROLES, "projects", "lab:demo", "reader", value=reader)
    await tx.commit()
    with pytest.raises(CloudError, match="keys-and-data"):
        await put(cloud, bucket(), KEYS, Level.PROJECT)
