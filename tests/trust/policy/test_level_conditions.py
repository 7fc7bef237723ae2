"""Conditions that ask for access levels: whoever has them not, or nobody knows, gets nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rempart.core.call import Peer
from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.trust.policy.conditions import check
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.perimeters.documents import ACCESS_POLICIES, AccessLevel, AccessPolicy
from support import devices
from support.clouds import TIME, Cloud, bind, bucket, robot
from support.worlds import START
from trust.policy.test_deny import EVERYBODY, deny, rule

ANNA = robot("anna")
GET = "storage.objects.get"
VIEWER = "roles/storage.objectViewer"
NEAR, FAR = "192.0.2.9", "198.51.100.1"


def has(level: str, number: int = 7) -> str:
    return f"'accessPolicies/{number}/accessLevels/{level}' in request.auth.access_levels"


async def started() -> Cloud:
    """Return a cloud with a level of an address, and one on countries, without a table of them."""
    cloud = await Cloud().build()
    shapes = {
        "near": {"basic": {"conditions": [{"ipSubnetworks": ["192.0.2.0/24"]}]}},
        "french": {"basic": {"conditions": [{"regions": ["FR"]}]}},
        "laptop": {"custom": {"expr": {"expression": devices.IS_VALID}}},
    }
    policy = AccessPolicy(
        number="7",
        parent="organizations/1",
        title="t",
        created=Micros(START),
        levels={id_: msgspec.convert(shape, AccessLevel) for id_, shape in shapes.items()},
    )
    tx = cloud.sealed.transaction()
    tx.put(ACCESS_POLICIES, "7", value=policy)
    await tx.commit()
    return cloud


async def may(cloud: Cloud, when: str, remote: str) -> bool:
    target = bucket(bind(VIEWER, ANNA.member, when=when))
    return await cloud.decision.allowed(ANNA, GET, target, time=TIME, peer=Peer(remote))


async def test_a_binding_counts_by_the_certificate_of_the_device(tmp_path: Path) -> None:
    cloud = await started()
    decision = PolicyDecision(cloud.sealed, cloud.world, devices.trusting(tmp_path))
    for when in (has("laptop"), f"{has('laptop')} && {has('near')}"):
        target = bucket(bind(VIEWER, ANNA.member, when=when))
        for shown, may_ in ((devices.LAPTOP, True), (devices.STRANGER, False), (None, False)):
            peer = Peer(NEAR, shown.pem.encode() if shown else b"")
            assert await decision.allowed(ANNA, GET, target, time=TIME, peer=peer) is may_
            contrary = bucket(bind(VIEWER, ANNA.member, when=f"!({when})"))
            found = await decision.allowed(ANNA, GET, contrary, time=TIME, peer=peer)
            assert found is (shown is devices.STRANGER)


@pytest.mark.parametrize(
    ("when", "near", "far"),
    [
        (has("near"), True, False),
        (f"!({has('near')})", False, True),
        (f"{has('near')} && resource.service == 'storage.googleapis.com'", True, False),
        (has("french"), False, False),
        (f"!({has('french')})", False, False),
        (has("none"), False, False),
        (f"!({has('near', 8)})", False, False),
        ("'a' in request['auth']['access' + '_levels']", False, False),
    ],
)
async def test_a_binding_counts_by_the_levels_of_the_caller(
    when: str, *, near: bool, far: bool
) -> None:
    cloud = await started()
    assert (await may(cloud, when, NEAR), await may(cloud, when, FAR)) == (near, far)
    assert not await may(cloud, when, "")


@pytest.mark.parametrize(
    ("when", "near", "far"),
    [
        (f"!({has('near')})", True, False),
        (has("french"), False, False),
        (f"!({has('french')})", False, False),
    ],
)
async def test_a_deny_rule_spares_only_whose_levels_are_known(
    when: str, *, near: bool, far: bool
) -> None:
    cloud = await started()
    await deny(cloud, "organizations/1", rule(EVERYBODY, when=when))
    assert (await may(cloud, "true", NEAR), await may(cloud, "true", FAR)) == (near, far)


async def test_a_level_that_changes_counts_at_the_next_question() -> None:
    cloud = await started()
    assert await may(cloud, has("near"), NEAR)
    tx = cloud.sealed.transaction()
    tx.delete(ACCESS_POLICIES, "7")
    await tx.commit()
    assert not await may(cloud, has("near"), NEAR)


@pytest.mark.parametrize(
    "wrong",
    [
        "size(request.auth.access_levels) > 0",
        "'near' in request.auth.access_levels",
        "resource.name in request.auth.access_levels",
        "'accessPolicies/7/accessLevels/' + 'near' in request.auth.access_levels",
    ],
)
def test_levels_are_asked_for_by_their_whole_names(wrong: str) -> None:
    check(has("near"))
    with pytest.raises(CloudError, match="access levels are asked for by"):
        check(wrong)
