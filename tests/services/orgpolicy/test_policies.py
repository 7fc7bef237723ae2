"""Policies along the hierarchy: inherited, merged, replaced, reset, tried out, kept by etag."""

from __future__ import annotations

from typing import Any

import pytest

from rempart.services.orgpolicy.model.policy import RULES_MAX, VALUES_MAX
from support.org_policies import HERE, PROJECT, THERE, Policed

ENFORCED = {"enforce": True}
LOCATIONS = "gcp.resourceLocations"
UNIFORM = "storage.uniformBucketLevelAccess"


def allow(*values: str) -> dict[str, Any]:
    return {"values": {"allowedValues": list(values)}}


def deny(*values: str) -> dict[str, Any]:
    return {"values": {"deniedValues": list(values)}}


async def test_a_policy_holds_for_all_below_until_one_nearer_takes_its_place() -> None:
    cloud = await Policed.start()
    assert await cloud.effective(LOCATIONS) == [{"allowAll": True}]
    await cloud.set(LOCATIONS, allow(HERE))
    assert await cloud.effective(LOCATIONS) == [allow(HERE)]
    await cloud.set(LOCATIONS, allow(THERE), on=cloud.folder)
    assert await cloud.effective(LOCATIONS) == [allow(THERE)]
    assert await cloud.effective(LOCATIONS, cloud.organization) == [allow(HERE)]
    await cloud.bucket("b-there", location=THERE)
    await cloud.unset(LOCATIONS, on=cloud.folder)
    assert await cloud.effective(LOCATIONS) == [allow(HERE)]


async def test_a_policy_that_inherits_adds_its_values_and_what_is_denied_anywhere_is_denied() -> (
    None
):
    cloud = await Policed.start()
    await cloud.set(LOCATIONS, allow(HERE))
    await cloud.set(LOCATIONS, allow(THERE), on=cloud.folder, inheritFromParent=True)
    assert await cloud.effective(LOCATIONS) == [allow(THERE, HERE)]
    await cloud.set(LOCATIONS, deny(HERE), on=PROJECT, inheritFromParent=True)
    [rule] = await cloud.effective(LOCATIONS)
    assert rule["values"] == {"allowedValues": [THERE, HERE], "deniedValues": [HERE]}
    new = {"name": "b-here", "location": HERE}
    await cloud.refused("storage.buckets.insert", new, query={"project": "lab:demo"})
    await cloud.bucket("b-there", location=THERE)


async def test_a_reset_brings_the_default_back() -> None:
    cloud = await Policed.start()
    await cloud.set(LOCATIONS, {"denyAll": True})
    assert await cloud.effective(LOCATIONS) == [{"denyAll": True}]
    await cloud.set(LOCATIONS, on=PROJECT, reset=True)
    assert await cloud.effective(LOCATIONS) == [{"allowAll": True}]
    await cloud.bucket("b-there", location=THERE)
    await cloud.set(UNIFORM, ENFORCED)
    await cloud.set(UNIFORM, on=cloud.folder, reset=True)
    assert await cloud.effective(UNIFORM) == [{"enforce": False}]


async def test_what_denies_by_default_denies_where_nothing_is_set() -> None:
    cloud = await Policed.start()
    constraint = "iam.allowServiceAccountCredentialLifetimeExtension"
    assert await cloud.effective(constraint) == [{"denyAll": True}]


async def test_a_move_brings_a_project_under_other_policies_at_once() -> None:
    """Made where it is allowed, then moved: what is there stays, nothing more is made."""
    cloud = await Policed.start()
    strict = await cloud.add_folder("77", cloud.organization)
    await cloud.set(LOCATIONS, allow(HERE), on=strict)
    await cloud.bucket("before", location=THERE)
    await cloud.move_project("lab:demo", strict)
    new = {"name": "after", "location": THERE}
    await cloud.refused("storage.buckets.insert", new, query={"project": "lab:demo"})
    await cloud.upload("before", "object")
    await cloud.move_project("lab:demo", cloud.folder)
    await cloud.bucket("after", location=THERE)


async def test_a_project_is_the_same_by_its_number() -> None:
    cloud = await Policed.start()
    made = await cloud.set(UNIFORM, ENFORCED, on=PROJECT)
    number = made["name"].split("/")[1]
    assert number.isdecimal()
    name = f"projects/{number}/policies/{UNIFORM}"
    assert made["name"] == name
    get = "orgpolicy.projects.policies.get"
    by_number, by_id = [
        await cloud.ask(get, name=one) for one in (name, f"{PROJECT}/policies/{UNIFORM}")
    ]
    assert by_number == by_id == made
    query = {"project": number}
    await cloud.refused("storage.buckets.insert", {"name": "b-x", "location": HERE}, query=query)


async def test_a_trial_refuses_nothing_and_is_told_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cloud = await Policed.start()
    await cloud.try_out(LOCATIONS, allow(HERE))
    await cloud.try_out("gcp.restrictServiceUsage", deny("storage.googleapis.com"))
    await cloud.bucket("b-there", location=THERE)
    entry = await cloud.last_entry()
    assert b"orgPolicyDryRun" in entry
    assert b"constraints/gcp.restrictServiceUsage constraints/gcp.resourceLocations" in entry
    assert "a dry run of constraints/gcp.resourceLocations would have refused" in caplog.text
    assert await cloud.effective(LOCATIONS) == [{"allowAll": True}]
    await cloud.bucket("b-here")
    assert b"gcp.resourceLocations" not in await cloud.last_entry()


async def test_a_trial_beside_a_policy_is_changed_by_itself() -> None:
    cloud = await Policed.start()
    made = await cloud.set(UNIFORM, ENFORCED)
    patch, name = "orgpolicy.organizations.policies.patch", made["name"]
    trial = {"rules": [{"enforce": False}]}
    told = await cloud.refused(patch, {"dryRunSpec": trial}, name=name)
    assert told.field == "updateMask"
    mask = {"updateMask": "policy.dry_run_spec"}
    both = await cloud.ask(patch, {"dryRunSpec": trial}, query=mask, name=name)
    assert both["spec"] == made["spec"]
    assert both["dryRunSpec"]["rules"] == [{"enforce": False}]
    document = {"spec": {"rules": [{"enforce": False}]}}
    live = await cloud.ask(patch, document, name=name)
    assert live["dryRunSpec"] == both["dryRunSpec"]
    one = await cloud.ask(patch, document, query={"updateMask": "*"}, name=name)
    assert "dryRunSpec" not in one
    await cloud.refused(patch, document, query={"updateMask": "policy.etag"}, name=name)


async def test_a_stale_etag_changes_and_deletes_nothing() -> None:
    cloud = await Policed.start()
    made = await cloud.set(UNIFORM, ENFORCED)
    name, off = made["name"], {"rules": [{"enforce": False}]}
    patch = "orgpolicy.organizations.policies.patch"
    now = await cloud.ask(patch, {"spec": off, "etag": made["etag"]}, name=name)
    for document in (
        {"spec": off, "etag": made["etag"]},
        {"spec": {**off, "etag": made["spec"]["etag"]}},
    ):
        told = await cloud.refused(patch, document, name=name)
        assert told.code.name == "ABORTED"
    delete = "orgpolicy.organizations.policies.delete"
    told = await cloud.refused(delete, query={"etag": made["etag"]}, name=name)
    assert told.code.name == "ABORTED"
    await cloud.ask(delete, query={"etag": now["etag"]}, name=name)
    told = await cloud.refused("orgpolicy.organizations.policies.get", name=name)
    assert told.status == 404


async def test_policies_and_constraints_are_listed() -> None:
    cloud = await Policed.start()
    lists = "orgpolicy.organizations.policies.list"
    assert await cloud.ask(lists, parent=cloud.organization) == {}
    made = [await cloud.set(LOCATIONS, allow(HERE)), await cloud.set(UNIFORM, ENFORCED)]
    assert (await cloud.ask(lists, parent=cloud.organization))["policies"] == made
    found = await cloud.ask("orgpolicy.projects.constraints.list", parent=PROJECT)
    shown = {one["name"].rpartition("/")[2]: one for one in found["constraints"]}
    assert shown[LOCATIONS]["listConstraint"] == {"supportsIn": True}
    assert shown["gcp.restrictCmekCryptoKeyProjects"]["listConstraint"] == {"supportsUnder": True}
    assert shown[UNIFORM]["booleanConstraint"] == {}
    managed = shown["iam.managed.disableServiceAccountKeyCreation"]
    assert managed["equivalentConstraint"] == "constraints/iam.disableServiceAccountKeyCreation"


RULE = allow(HERE)
WRONG: list[tuple[str, dict[str, Any]]] = [
    (LOCATIONS, {"rules": [ENFORCED]}),
    (LOCATIONS, {"rules": [{}]}),
    (LOCATIONS, {"rules": [{**RULE, "denyAll": True}]}),
    (LOCATIONS, {"rules": [{"allowAll": False}]}),
    (LOCATIONS, {"rules": [allow("mars-east1")]}),
    (LOCATIONS, {"rules": [allow("under:projects/lab:demo")]}),
    (LOCATIONS, {"rules": [allow("")]}),
    (LOCATIONS, {"rules": [allow(*([HERE] * (VALUES_MAX + 1)))]}),
    (LOCATIONS, {"rules": [RULE] * (RULES_MAX + 1)}),
    (LOCATIONS, {"rules": []}),
    (LOCATIONS, {"rules": [RULE], "reset": True}),
    (LOCATIONS, {"reset": True, "inheritFromParent": True}),
    (LOCATIONS, {"rules": [{"values": {}}]}),
    (LOCATIONS, {"rules": [RULE], "surprise": 1}),
    (LOCATIONS, {"rules": [{**RULE, "parameters": {"a": "b"}}]}),
    (
        LOCATIONS,
        {"rules": [{**RULE, "condition": {"expression": "resource.name == 'x'"}}]},
    ),
    (UNIFORM, {"rules": [ENFORCED, ENFORCED]}),
    (UNIFORM, {"rules": [allow("x")]}),
    (UNIFORM, {"rules": [ENFORCED], "inheritFromParent": True}),
    ("gcp.restrictNonCmekServices", {"rules": [allow("storage.googleapis.com")]}),
    ("gcp.restrictNonCmekServices", {"rules": [deny("sqladmin.googleapis.com")]}),
    ("gcp.restrictCmekCryptoKeyProjects", {"rules": [allow("lab:demo")]}),
    ("gcp.restrictServiceUsage", {"rules": [deny("orgpolicy.googleapis.com")]}),
    ("gcp.restrictTLSVersion", {"rules": [deny("TLS_VERSION_1_2")]}),
    ("cloudkms.minimumDestroyScheduledDuration", {"rules": [allow("in:2d")]}),
    ("storage.retentionPolicySeconds", {"rules": [allow("a week")]}),
    ("iam.allowedPolicyMemberDomains", {"rules": [allow("example.test")]}),
    ("iam.managed.allowedPolicyMembers", {"rules": [ENFORCED]}),
    ("iam.managed.allowedPolicyMembers", {"rules": [{**ENFORCED, "parameters": {"x": []}}]}),
]


async def test_a_policy_that_says_nothing_sensible_is_refused() -> None:
    cloud = await Policed.start()
    for constraint, spec in WRONG:
        name = f"{cloud.organization}/policies/{constraint}"
        told = await cloud.refused(
            "orgpolicy.organizations.policies.create",
            {"name": name, "spec": spec},
            parent=cloud.organization,
        )
        assert told.code.name == "INVALID_ARGUMENT", (constraint, spec)
        assert told.field, (constraint, spec)
    assert await cloud.ask("orgpolicy.organizations.policies.list", parent=cloud.organization) == {}


async def test_unknown_constraints_and_containers_are_not_found() -> None:
    cloud = await Policed.start()
    create = "orgpolicy.organizations.policies.create"
    top = cloud.organization
    for constraint in ("compute.vmExternalIpAccess", "custom.none"):
        given = {"name": f"{top}/policies/{constraint}", "spec": {"rules": [ENFORCED]}}
        told = await cloud.refused(create, given, parent=top)
        assert told.status == 404
        assert constraint in told.message
    given = {"name": f"folders/1/policies/{UNIFORM}", "spec": {"rules": [ENFORCED]}}
    assert (await cloud.refused(create, given, parent=top)).code.name == "INVALID_ARGUMENT"
    assert (await cloud.refused(create, {"spec": {}}, parent=top)).field == "name"
    given = {"name": f"{top}/policies/{UNIFORM}"}
    assert (await cloud.refused(create, given, parent=top)).field == "spec"
    given["name"] = f"{top}/policies/a/b"
    assert (await cloud.refused(create, given, parent=top)).field == "name"
    given = {"name": f"{top}/policies/{UNIFORM}", "alternate": {"launch": "x"}}
    assert (await cloud.refused(create, given, parent=top)).field == "alternate"
    await cloud.set(UNIFORM, ENFORCED)
    given = {"name": f"{top}/policies/{UNIFORM}", "spec": {"rules": [ENFORCED]}}
    assert (await cloud.refused(create, given, parent=top)).status == 409
