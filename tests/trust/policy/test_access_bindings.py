"""Bindings of service accounts to access levels, asked as the gate asks them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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
from rempart.trust.policy.perimeters.origin import Origins
from support.agreeing import Agreeing
from support.devices import IS_VALID, LAPTOP, STRANGER, trusting
from support.guards import asked, hierarchy
from support.worlds import START, TestUniverse

LEVEL = "accessPolicies/7/accessLevels/near"
EMAIL = "robot@one.lab.iam.gserviceaccount.com"


def by_robot(remote: str, uid: str = "") -> Asked:
    """Return a call of the robot, or of a later account of its email."""
    what = asked(remote=remote, member=f"serviceAccount:{EMAIL}{uid}")
    robot = replace(what.principal, email=EMAIL, project=ProjectId("lab:one"))
    return msgspec.structs.replace(what, principal=robot, facts={})


async def bound(origins: Origins | None = None, **levels: tuple[str, ...]) -> Agreeing:
    universe = TestUniverse()
    await hierarchy(universe)
    near = {"basic": {"conditions": [{"ipSubnetworks": ["192.0.2.0/24"]}]}}
    laptop = {"custom": {"expr": {"expression": IS_VALID}}}
    policy = AccessPolicy(
        number="7",
        parent="organizations/1",
        title="t",
        created=Micros(START),
        levels={
            "near": msgspec.convert(near, AccessLevel),
            "laptop": msgspec.convert(laptop, AccessLevel),
        },
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
    return Agreeing(BindingGuard(universe.sealed, origins or Origins()))


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


async def test_an_account_is_held_to_a_device_and_beforehand_nobody_can_tell(
    tmp_path: Path,
) -> None:
    level = "accessPolicies/7/accessLevels/laptop"
    guard = await bound(trusting(tmp_path), accessLevels=(level,))
    here = by_robot("192.0.2.9")
    for shown, held in ((LAPTOP, True), (STRANGER, False)):
        call = msgspec.structs.replace(here.call, certificate=shown.pem.encode())
        from_device = msgspec.structs.replace(here, call=call)
        if held:
            await guard.check(from_device)
            continue
        with pytest.raises(CloudError, match="does not have the access level"):
            await guard.check(from_device)
        assert not (await guard.opinion(from_device)).unsure
    with pytest.raises(CloudError, match="does not have the access level"):
        await guard.check(here)
    foretold = await guard.opinion(here)
    assert foretold.unsure
    assert "storage.mtls" in foretold.refusal
