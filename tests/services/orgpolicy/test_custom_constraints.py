"""Custom constraints: written only if they can be judged, enforced on what is made and changed."""

from __future__ import annotations

from typing import Any

from support.org_policies import HERE, PROJECT, REFUSED, THERE, Policed

NOUN = "orgpolicy.organizations.customConstraints"
BUCKET = "storage.googleapis.com/Bucket"
KEY = "cloudkms.googleapis.com/CryptoKey"
ENFORCED = {"enforce": True}


async def define(cloud: Policed, name: str, condition: str, **document: Any) -> dict[str, Any]:
    given = {
        "name": f"{cloud.organization}/customConstraints/custom.{name}",
        "resourceTypes": [BUCKET],
        "methodTypes": ["CREATE", "UPDATE"],
        "condition": condition,
        "actionType": "DENY",
        "displayName": "Versions are kept.",
        **document,
    }
    return await cloud.ask(f"{NOUN}.create", given, parent=cloud.organization)


async def test_one_binds_nothing_until_a_policy_names_it() -> None:
    cloud = await Policed.start()
    await define(cloud, "versions", "resource.versioning.enabled == false")
    await cloud.bucket("plain")
    await cloud.set("custom.versions", ENFORCED)
    new = {"name": "another", "location": HERE}
    told = await cloud.refused("storage.buckets.insert", new, query={"project": "lab:demo"})
    assert told.status == 412
    assert told.message == (
        f"Operation denied by org policy on resource '{PROJECT}/locations/{HERE}':"
        ' ["customConstraints/custom.versions": "Versions are kept."]'
    )
    await cloud.bucket("another", versioning={"enabled": True})
    off = {"versioning": {"enabled": False}}
    for verb in ("patch", "update"):
        await cloud.refused(f"storage.buckets.{verb}", off, bucket="another")
    await cloud.set("custom.versions", {"enforce": False}, on=PROJECT)
    await cloud.ask("storage.buckets.patch", off, bucket="another")


async def test_a_key_that_breaks_one_is_refused_with_googles_reason() -> None:
    cloud = await Policed.start()
    condition = (
        "resource.purpose == 'ENCRYPT_DECRYPT' && resource.rotationPeriod <= duration('720h')"
    )
    await define(
        cloud, "rotates", condition, resourceTypes=[KEY], methodTypes=["CREATE"], actionType="ALLOW"
    )
    await cloud.set("custom.rotates", ENFORCED)
    ring = await cloud.ring()
    document = {"rotationPeriod": "7776000s", "nextRotationTime": "2099-01-01T00:00:00Z"}
    told = await cloud.refused(
        "cloudkms.projects.locations.keyRings.cryptoKeys.create",
        {"purpose": "ENCRYPT_DECRYPT", **document},
        query={"cryptoKeyId": "k"},
        parent=ring,
    )
    assert told.code.name == "FAILED_PRECONDITION"
    assert told.info is not None
    assert told.info.reason == "CUSTOM_ORG_POLICY_VIOLATION"
    assert dict(told.info.metadata) == {
        "customConstraints": "customConstraints/custom.rotates",
        "service": "cloudkms.googleapis.com",
    }
    await cloud.key(ring, "k", **document | {"rotationPeriod": "86400s"})


async def test_a_condition_that_cannot_be_decided_refuses() -> None:
    cloud = await Policed.start()
    await define(cloud, "team", "resource.labels['team'] == 'none'")
    await cloud.set("custom.team", ENFORCED)
    new = {"name": "nobodys", "location": HERE}
    await cloud.refused("storage.buckets.insert", new, query={"project": "lab:demo"})
    await cloud.bucket("ours", labels={"team": "red"})


async def test_a_trial_of_one_is_told() -> None:
    cloud = await Policed.start()
    await define(cloud, "here", f"resource.location != '{HERE.upper()}'")
    await cloud.try_out("custom.here", ENFORCED)
    await cloud.bucket("elsewhere", location=THERE)
    assert b"customConstraints/custom.here" in await cloud.last_entry()


async def test_they_are_read_listed_changed_and_deleted() -> None:
    cloud = await Policed.start()
    made = await define(cloud, "one", "resource.versioning.enabled")
    name = made["name"]
    assert await cloud.ask(f"{NOUN}.get", name=name) == made
    listed = await cloud.ask(f"{NOUN}.list", parent=cloud.organization)
    assert listed["customConstraints"] == [made]
    changed = {**made, "condition": "resource.defaultEventBasedHold", "methodTypes": ["CREATE"]}
    shown = await cloud.ask(f"{NOUN}.patch", changed, name=name)
    assert shown["condition"] == "resource.defaultEventBasedHold"
    other = {**changed, "resourceTypes": [KEY], "condition": "resource.importOnly"}
    told = await cloud.refused(f"{NOUN}.patch", other, name=name)
    assert told.field == "resourceTypes"
    await cloud.set("custom.one", ENFORCED)
    await cloud.ask(f"{NOUN}.delete", name=name)
    assert (await cloud.refused(f"{NOUN}.get", name=name)).status == 404
    await cloud.bucket("free", defaultEventBasedHold=True)


WRONG: list[dict[str, Any]] = [
    {"condition": ""},
    {"condition": "resource."},
    {"condition": "resource.versioning.enabled == 1 +"},
    {"condition": "resource.nothing == 'x'"},
    {"condition": "request.time < timestamp('2030-01-01T00:00:00Z')"},
    {"condition": "resource.name"},
    {"condition": "resource.name > 5"},
    {"condition": "has(resource.labels.a)"},
    {"condition": "resource.name.matches('(a{9}){9}')"},
    {"condition": "resource.name.matches(resource.location)"},
    {"condition": "true || " * 200 + "true"},
    {"condition": "[1].all(a, [1].all(b, [1].all(c, true)))"},
    {"condition": "[1].all(a, [1].all(b, [1].all // hidden\n (c, true)))"},
    {"resourceTypes": ["compute.googleapis.com/Instance"]},
    {"resourceTypes": []},
    {"resourceTypes": [BUCKET, KEY]},
    {"methodTypes": ["UPDATE"]},
    {"methodTypes": ["CREATE", "DELETE"]},
    {"methodTypes": ["CREATE", "DANCE"]},
    {"actionType": "PERHAPS"},
    {"displayName": "x" * 201},
    {"description": "x" * 2001},
    {"surprise": 1},
]


async def test_one_that_cannot_be_judged_is_refused_when_it_is_written() -> None:
    cloud = await Policed.start()
    for document in WRONG:
        given = {"condition": "resource.versioning.enabled", **document}
        with REFUSED as caught:
            await define(cloud, "wrong", **given)
        assert caught.value.code.name == "INVALID_ARGUMENT", document
        assert caught.value.field, document
    assert await cloud.ask(f"{NOUN}.list", parent=cloud.organization) == {}


async def test_its_name_has_googles_form() -> None:
    cloud = await Policed.start()
    for name in ("none", "custom.", "custom.a-b", "custom." + "x" * 64):
        given = {"name": f"{cloud.organization}/customConstraints/{name}"}
        told = await cloud.refused(f"{NOUN}.create", given, parent=cloud.organization)
        assert told.field == "name"
