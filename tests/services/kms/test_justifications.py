"""The justifications policy that new keys get: the nearest one; an empty list allows nothing."""

from __future__ import annotations

from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.trust.policy.hierarchy import FOLDERS, ORGANIZATIONS
from support.cloud_kms import Kms, b64

PROJECT = "projects/lab:demo"
POLICY = "defaultKeyAccessJustificationPolicy"
KEYS = "keyRings.cryptoKeys"
EFFECTIVE = "cloudkms.projects.showEffectiveKeyAccessJustificationsPolicyConfig"


async def above(kms: Kms) -> dict[str, str]:
    """Return the names of the project, its folder and its organization, by noun."""
    sealed = kms.cloud.parts.sealed
    [folder] = await sealed.scan(FOLDERS, FOLDERS.under(), limit=1)
    [top] = await sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=1)
    return {
        "projects": PROJECT,
        "folders": f"folders/{folder.id}",
        "organizations": f"organizations/{top.id}",
    }


async def allow(kms: Kms, noun: str, reasons: list[str] | None) -> dict[str, Any]:
    name = f"{(await above(kms))[noun]}/kajPolicyConfig"
    document = {} if reasons is None else {POLICY: {"allowedAccessReasons": reasons}}
    query = {"updateMask": POLICY}
    return await kms.ask(f"cloudkms.{noun}.updateKajPolicyConfig", document, query=query, name=name)


async def reasons_of_new_key(kms: Kms, id_: str, **document: Any) -> Any:
    made = await kms.ask(f"{KEYS}.get", name=await kms.key(id_, **document))
    policy = made.get("keyAccessJustificationsPolicy")
    return None if policy is None else policy["allowedAccessReasons"]


async def test_without_a_setting_a_new_key_allows_every_reason() -> None:
    kms = await Kms.start()
    assert await reasons_of_new_key(kms, "a") is None
    assert await kms.ask(EFFECTIVE, project=PROJECT) == {}
    shown = await kms.ask("cloudkms.projects.getKajPolicyConfig", name=f"{PROJECT}/kajPolicyConfig")
    assert shown == {"name": f"{PROJECT}/kajPolicyConfig", "defaultPolicyAvailable": True}


async def test_the_nearest_setting_counts_and_the_maker_of_a_key_may_say_otherwise() -> None:
    kms = await Kms.start()
    await allow(kms, "organizations", ["THIRD_PARTY_DATA_REQUEST"])
    assert await reasons_of_new_key(kms, "a") == ["THIRD_PARTY_DATA_REQUEST"]
    await allow(kms, "folders", ["CUSTOMER_INITIATED_ACCESS"])
    assert await reasons_of_new_key(kms, "b") == ["CUSTOMER_INITIATED_ACCESS"]
    shown = await kms.ask(EFFECTIVE, project=PROJECT)
    names = await above(kms)
    assert shown["effectiveKajPolicy"]["name"] == f"{names['folders']}/kajPolicyConfig"
    own = {"allowedAccessReasons": ["CUSTOMER_INITIATED_SUPPORT"]}
    reasons = await reasons_of_new_key(kms, "c", keyAccessJustificationsPolicy=own)
    assert reasons == ["CUSTOMER_INITIATED_SUPPORT"]
    await allow(kms, "folders", None)
    assert await reasons_of_new_key(kms, "d") == ["THIRD_PARTY_DATA_REQUEST"]


async def test_an_empty_list_allows_nothing_here_as_on_a_key() -> None:
    kms = await Kms.start()
    await allow(kms, "projects", [])
    name = await kms.key()
    with pytest.raises(CloudError) as problem:
        await kms.ask(f"{KEYS}.encrypt", {"plaintext": b64(b"x")}, name=name)
    assert problem.value.code is Code.PERMISSION_DENIED


async def test_a_setting_changes_new_keys_only() -> None:
    kms = await Kms.start()
    name = await kms.key()
    await allow(kms, "projects", [])
    assert await kms.decrypt(name, await kms.encrypt(name, b"x")) == b"x"


@pytest.mark.parametrize(
    ("document", "mask", "field"),
    [
        ({POLICY: {"allowedAccessReasons": ["CURIOSITY"]}}, POLICY, POLICY),
        ({}, "defaultPolicyAvailable", "updateMask"),
        ({"colour": "red"}, POLICY, "colour"),
    ],
)
async def test_a_setting_that_cannot_be_is_refused_by_the_field(
    document: dict[str, Any], mask: str, field: str
) -> None:
    kms = await Kms.start()
    with pytest.raises(CloudError) as problem:
        await kms.ask(
            "cloudkms.projects.updateKajPolicyConfig", document, query={"updateMask": mask},
            name=f"{PROJECT}/kajPolicyConfig",
        )  # fmt: skip
    assert (problem.value.code, problem.value.field) == (Code.INVALID_ARGUMENT, field)


async def test_enforcement_is_said_of_every_kind_of_key() -> None:
    kms = await Kms.start()
    method = "cloudkms.projects.showEffectiveKeyAccessJustificationsEnrollmentConfig"
    shown = await kms.ask(method, project=PROJECT)
    levels = {"externalConfig", "hardwareConfig", "softwareConfig"}
    assert shown.keys() == levels
    assert all(shown[level] == {"policyEnforcement": True} for level in levels)
