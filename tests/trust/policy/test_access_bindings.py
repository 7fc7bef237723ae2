"""Bindings of service accounts to access levels, asked as the gate asks them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.core.names import ProjectId
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.perimeters.bindings import BindingGuard
from rempart.trust.policy.perimeters.documents import (
    ACCESS_BINDINGS,
    ACCESS_POLICIES,
    AccessBinding,
    AccessLevel,
    AccessPolicy,
)
from rempart.trust.policy.perimeters.geography import Geography, read_geography
from rempart.trust.policy.watched import Watched
from support.agreeing import Agreeing
from support.guards import asked, hierarchy
from support.worlds import START, TestUniverse

LEVEL = "accessPolicies/7/accessLevels/near"
EMAIL = "robot@one.lab.iam.gserviceaccount.com"


def by_robot(remote: str, uid: str = "") -> Asked:
    """Return a call of the robot, or of a later account of its email."""
    what = asked(remote=remote, member=f"serviceAccount:{EMAIL}{uid}")
    robot = replace(what.principal, email=EMAIL, project=ProjectId("lab:one"))
    return msgspec.structs.replace(what, principal=robot, facts={})


async def bound(**levels: tuple[str, ...]) -> Agreeing:
    universe = TestUniverse()
    await hierarchy(universe)
    near = {"basic": {"conditions": [{"ipSubnetworks": ["192.0.2.0/24"]}]}}
    policy = AccessPolicy(
        number="7",
        parent="organizations/1",
        title="t",
        created=Micros(START),
        levels={"near": msgspec.convert(near, AccessLevel)},
    )
    binding = msgspec.convert(
        {
            "name": "organizations/1/gcpUserAccessBindings/b",
            "principal": {"serviceAccount": EMAIL},
            **levels,
        },
        AccessBinding,
    )
    tx = universe.sealed.transaction()
    tx.put(ACCESS_POLICIES, "7", value=policy)
    tx.put(ACCESS_BINDINGS, "1", "b", value=binding)
    await tx.commit()
    geography: Watched[Geography] = Watched(None, read_geography, "")
    return Agreeing(BindingGuard(universe.sealed, geography))


@pytest.mark.parametrize("uid", ["", "?uid=7"])
async def test_whoever_has_the_email_needs_the_level(uid: str) -> None:
    guard = await bound(accessLevels=(LEVEL,))
    await guard.check(by_robot("192.0.2.9", uid))
    with pytest.raises(CloudError, match="does not have the access level"):
        await guard.check(by_robot("198.51.100.1", uid))


async def test_a_dry_run_refuses_nothing_and_is_told_to_the_log_of_the_call() -> None:
    guard = await bound(dryRunAccessLevels=(LEVEL,))
    within, without = by_robot("192.0.2.9"), by_robot("198.51.100.1")
    await guard.check(within)
    await guard.check(without)
    assert within.facts == {}
    assert without.facts == {"accessLevelDryRun": LEVEL}
