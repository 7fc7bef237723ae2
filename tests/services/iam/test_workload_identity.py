"""Workload identity pools and providers: their life, and what may be said of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.services.iam.workload_identity import model
from support.cloud_iam import DAY, PROJECT, Iam
from support.federated import ISSUER, LOCATION, POOLS, Outside, jwks
from support.oidc_provider import signing_key

PROVIDERS = f"{POOLS}.providers"
OIDC = {"issuerUri": ISSUER, "jwksJson": jwks()}


@pytest.fixture
async def outside() -> Outside:
    return await Outside.start()


@pytest.fixture(scope="module")
def shared() -> Outside:
    """Return a pool for tests that change nothing."""
    return asyncio.run(Outside.start())


async def refused(code: Code, outside: Outside, method: str, name: str, **words: Any) -> str:
    with pytest.raises(CloudError) as caught:
        await outside.iam.ask(method, name, words.get("document"), query=words.get("query"))
    assert caught.value.code is code, caught.value.message
    return caught.value.message


async def test_a_pool_is_made_and_changed_by_operations_that_are_done(outside: Outside) -> None:
    iam, pool = outside.iam, outside.name
    shown = {"name": pool, "mode": "FEDERATION_ONLY", "state": "ACTIVE"}
    assert await iam.ask(f"{POOLS}.get", pool) == shown
    number = pool.split("/")[1]
    assert number.isdecimal()
    by_id = f"{LOCATION}/workloadIdentityPools/pool-1"
    assert await iam.ask(f"{POOLS}.get", by_id) == shown

    body = {"displayName": "One", "description": "the first", "disabled": True}
    done = await iam.ask(f"{POOLS}.patch", pool, body, query={"updateMask": "displayName"})
    assert done["done"] is True
    assert done["response"]["@type"].endswith("WorkloadIdentityPool")
    assert await iam.ask(f"{POOLS}.operations.get", done["name"]) == done
    assert await iam.ask(f"{POOLS}.get", pool) == shown | {"displayName": "One"}
    both = {"updateMask": "description,disabled"}
    await iam.ask(f"{POOLS}.patch", pool, body, query=both)
    assert await iam.ask(f"{POOLS}.get", pool) == shown | body


async def test_a_pool_is_deleted_and_restored(outside: Outside) -> None:
    iam, pool = outside.iam, outside.name
    await iam.ask(f"{POOLS}.delete", pool)
    gone = await iam.ask(f"{POOLS}.get", pool)
    assert gone["state"] == "DELETED"
    assert gone["expireTime"].endswith("Z")
    assert await iam.ask(f"{POOLS}.list", LOCATION) == {}
    listed = await iam.ask(f"{POOLS}.list", LOCATION, query={"showDeleted": "true"})
    assert [one["name"] for one in listed["workloadIdentityPools"]] == [pool]
    for verb in ("delete", "patch"):
        words = {"query": {"updateMask": "description"}, "document": {}}
        await refused(Code.FAILED_PRECONDITION, outside, f"{POOLS}.{verb}", pool, **words)
    await iam.ask(f"{POOLS}.undelete", pool)
    await refused(Code.FAILED_PRECONDITION, outside, f"{POOLS}.undelete", pool)
    await iam.ask(f"{POOLS}.delete", pool)
    iam.cloud.clock.advance(30 * DAY)
    await refused(Code.NOT_FOUND, outside, f"{POOLS}.undelete", pool)
    await refused(Code.NOT_FOUND, outside, f"{POOLS}.get", pool)


async def test_a_provider_is_changed_by_field_and_by_single_attribute(outside: Outside) -> None:
    iam, name = outside.iam, f"{outside.name}/providers/idp-1"
    shown = await iam.ask(f"{PROVIDERS}.get", name)
    assert shown["attributeMapping"] == {"google.subject": "assertion.sub"}
    assert shown["oidc"] == OIDC

    async def patched(mask: str, **document: Any) -> dict[str, Any]:
        await iam.ask(f"{PROVIDERS}.patch", name, document, query={"updateMask": mask})
        return await iam.ask(f"{PROVIDERS}.get", name)

    mapping = {"google.subject": "assertion.email", "attribute.team_name": "assertion.team"}
    made = await patched("attribute_mapping.attribute.team_name", attributeMapping=mapping)
    assert made["attributeMapping"] == mapping | {"google.subject": "assertion.sub"}
    made = await patched("attributeMapping.attribute.team_name", attributeMapping={})
    assert made["attributeMapping"] == {"google.subject": "assertion.sub"}
    made = await patched("attributeMapping", attributeMapping=mapping)
    assert made["attributeMapping"] == mapping
    made = await patched("oidc.allowedAudiences", oidc={"allowedAudiences": ["a"]})
    assert made["oidc"] == OIDC | {"allowedAudiences": ["a"]}
    made = await patched("attributeCondition,disabled", attributeCondition="true", disabled=True)
    assert (made["attributeCondition"], made["disabled"]) == ("true", True)
    await iam.ask(f"{PROVIDERS}.delete", name)
    assert await iam.ask(f"{PROVIDERS}.list", outside.name) == {}
    await iam.ask(f"{PROVIDERS}.undelete", name)
    listed = await iam.ask(f"{PROVIDERS}.list", outside.name)
    assert [one["name"] for one in listed["workloadIdentityPoolProviders"]] == [name]


async def test_lists_come_in_pages(outside: Outside) -> None:
    for number in range(2, 6):
        await outside.create_pool(f"pool-{number}")
    names, query = list[str](), {"pageSize": "2"}
    while True:
        page = await outside.iam.ask(f"{POOLS}.list", LOCATION, query=query)
        names += [one["name"].rpartition("/")[2] for one in page["workloadIdentityPools"]]
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
    assert names == [f"pool-{number}" for number in range(1, 6)]


@pytest.mark.parametrize(
    ("id_", "document"),
    [
        ("abc", {}),
        ("a" * 33, {}),
        ("UPPER", {}),
        ("gcp-pool", {}),
        ("", {}),
        ("under_score", {}),
        ("pool-9", {"displayName": "x" * 33}),
        ("pool-9", {"description": "x" * 257}),
        ("pool-9", {"mode": "TRUST_DOMAIN"}),
        ("pool-9", {"more": 1}),
        ("pool-9", {"disabled": "perhaps"}),
    ],
)
async def test_pools_that_may_not_be(shared: Outside, id_: str, document: dict[str, Any]) -> None:
    query = {"workloadIdentityPoolId": id_}
    words = {"document": document, "query": query}
    await refused(Code.INVALID_ARGUMENT, shared, f"{POOLS}.create", LOCATION, **words)


@pytest.mark.parametrize(
    "settings",
    [
        {"attributeMapping": {}},
        {"attributeMapping": {"google.subject": "assertion.sub +"}},
        {"attributeMapping": {"google.subject": "assertion.sub", "Bad": "assertion.sub"}},
        {"attributeCondition": "request.time"},
        {"attributeCondition": "x" * 4097},
        {"oidc": {}},
        {"oidc": {"issuerUri": "http://idp.example.test"}},
        {"oidc": {"issuerUri": "https://"}},
        {"oidc": {"issuerUri": "https://user@idp.example.test"}},
        {"oidc": {"issuerUri": "https://idp.example.test/?a=b"}},
        {"oidc": {"issuerUri": "https://idp.example.test:99999"}},
        {"oidc": {"issuerUri": "https://[::1"}},
        {"oidc": {"issuerUri": "file:///etc/passwd"}},
        {"oidc": {"issuerUri": f"https://{'x' * 2000}"}},
        {"oidc": OIDC | {"allowedAudiences": ["a"] * 11}},
        {"oidc": OIDC | {"allowedAudiences": ["a" * 257]}},
        {"oidc": OIDC | {"allowedAudiences": [""]}},
        {"oidc": OIDC | {"jwksJson": "{}"}},
        {"oidc": OIDC | {"jwksJson": '{"keys":[{"kty":"oct","k":"AA","kid":"k"}]}'}},
        {"oidc": OIDC | {"more": 1}},
        {"saml": {"idpMetadataXml": "<x/>"}},
        {"oidc": None, "x509": {"trustStore": {}}},
        {"displayName": "x" * 33},
        {"more": 1},
    ],
)
async def test_providers_that_may_not_be(shared: Outside, settings: dict[str, Any]) -> None:
    with pytest.raises(CloudError) as caught:
        await shared.create_provider("idp-9", **settings)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert (await shared.iam.ask(f"{PROVIDERS}.list", shared.name))[
        "workloadIdentityPoolProviders"
    ][1:] == []


async def test_a_private_key_is_not_taken_for_a_public_one(shared: Outside) -> None:
    private = signing_key("k")
    jwks_json = f'{{"keys":[{str(private).replace(chr(39), chr(34))}]}}'
    with pytest.raises(CloudError, match="private key"):
        await shared.create_provider("idp-9", oidc=OIDC | {"jwksJson": jwks_json})


@pytest.mark.parametrize(
    "name",
    [
        f"{PROJECT}/locations/here/workloadIdentityPools/pool-1",
        f"{PROJECT}/locations/global/workloadIdentityPools/pool-1/more/x",
        "organizations/1/locations/global/workloadIdentityPools/pool-1",
        "x",
    ],
)
async def test_names_that_are_none(shared: Outside, name: str) -> None:
    await refused(Code.INVALID_ARGUMENT, shared, f"{POOLS}.get", name)


async def test_what_is_not_there_is_not_found(shared: Outside) -> None:
    absent = f"{LOCATION}/workloadIdentityPools/absent"
    await refused(Code.NOT_FOUND, shared, f"{POOLS}.get", absent)
    await refused(Code.NOT_FOUND, shared, f"{PROVIDERS}.get", f"{shared.name}/providers/absent")
    await refused(Code.NOT_FOUND, shared, f"{POOLS}.operations.get", f"{absent}/operations/1")
    words: dict[str, Any] = {"query": {"updateMask": "name"}, "document": {}}
    await refused(Code.INVALID_ARGUMENT, shared, f"{POOLS}.patch", shared.name, **words)


async def test_a_project_and_a_pool_have_room_for_so_many(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "POOLS_PER_PROJECT_MAX", 2)
    monkeypatch.setattr(model, "PROVIDERS_PER_POOL_MAX", 2)
    await outside.create_pool("pool-2")
    await outside.create_provider("idp-2")
    with pytest.raises(CloudError, match="at most 2 workload identity pools"):
        await outside.create_pool("pool-3")
    with pytest.raises(CloudError, match="at most 2 providers"):
        await outside.create_provider("idp-3")


async def test_operations_are_remembered_for_a_month() -> None:
    outside = await Outside.start(await Iam.start())
    done = await outside.iam.ask(f"{POOLS}.delete", outside.name)
    await outside.iam.ask(f"{POOLS}.undelete", outside.name)
    outside.iam.cloud.clock.advance(30 * DAY)
    assert await outside.iam.ask(f"{POOLS}.operations.get", done["name"]) == done
    mask = {"updateMask": "description"}
    await outside.iam.ask(f"{POOLS}.patch", outside.name, {}, query=mask)
    await refused(Code.NOT_FOUND, outside, f"{POOLS}.operations.get", done["name"])
