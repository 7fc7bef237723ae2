"""The inventory: all keys of a project, and what each protects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.services.kms.model.names import CryptoKeyName
from rempart.services.kms.protected import ProtectedResource
from rempart.services.kmsinventory import KmsInventoryService
from rempart.services.kmsinventory import api as inventory_api
from rempart.trust.authority import Rules
from rempart.trust.custody.transaction import Transaction
from rempart.trust.gate import Gate
from rempart.trust.policy.auditing import Auditing
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.hierarchy import ORGANIZATIONS
from support.cloud_kms import LOCATION, Kms

PROJECT = "projects/lab:demo"
LIST = "kmsinventory.projects.cryptoKeys.list"
SUMMARY = "kmsinventory.projects.locations.keyRings.cryptoKeys.getProtectedResourcesSummary"
SEARCH = "kmsinventory.projects.protectedResources.search"
SEARCH_ABOVE = "kmsinventory.organizations.protectedResources.search"
OWN_PROJECT = {"fallbackScope": "FALLBACK_SCOPE_PROJECT"}


def bucket(name: str, project: str = "lab:demo") -> ProtectedResource:
    return ProtectedResource(
        name=f"//storage.googleapis.com/{name}",
        type="storage.googleapis.com/Bucket",
        project=project,
        number="111111111111",
        location="u-here1",
        created=1_700_000_000_123_456,
        versions=(f"{LOCATION}/keyRings/ring/cryptoKeys/key/cryptoKeyVersions/1",),
        labels={"team": "red"},
    )


class Shelf:
    """A service whose resources the test chooses."""

    types = ("storage.googleapis.com/Bucket", "storage.googleapis.com/Folder")

    def __init__(self, *resources: ProtectedResource) -> None:
        self.resources = resources

    async def under(self, key: CryptoKeyName, tx: Transaction) -> AsyncIterator[ProtectedResource]:
        for resource in self.resources:
            yield resource


async def started(*resources: ProtectedResource) -> tuple[Kms, str]:
    """Return a universe whose services tell of these resources, and a key."""
    kms = await Kms.start()
    name = await kms.key()
    parts = kms.cloud.parts
    kms.cloud.parts = replace(
        parts,
        gate=Gate(
            (KmsInventoryService(parts.kms, (Shelf(*resources),)),),
            identity=parts.identity,
            rules=Rules(PolicyDecision(parts.sealed, parts.world)),
            sealed=parts.sealed,
            recorder=parts.recorder,
            auditing=Auditing(parts.sealed),
        ),
    )
    return kms, name


async def refusal(kms: Kms, method: str, query: dict[str, str], **path: Any) -> CloudError:
    with pytest.raises(CloudError) as problem:
        await kms.ask(method, query=query, **path)
    return problem.value


async def test_the_keys_of_all_rings_and_locations_are_listed() -> None:
    kms = await Kms.start()
    elsewhere = f"{PROJECT}/locations/global"
    await kms.ask("keyRings.create", parent=elsewhere, query={"keyRingId": "other"})
    document, query = {"purpose": "ENCRYPT_DECRYPT"}, {"cryptoKeyId": "far"}
    parent = f"{elsewhere}/keyRings/other"
    far = await kms.ask("keyRings.cryptoKeys.create", document, parent=parent, query=query)
    near = await kms.ask("keyRings.cryptoKeys.get", name=await kms.key())
    assert await kms.ask(LIST, parent=PROJECT) == {"cryptoKeys": [far, near]}
    first = await kms.ask(LIST, query={"pageSize": "1"}, parent=PROJECT)
    assert first["cryptoKeys"] == [far]
    query = {"pageSize": "1", "pageToken": first["nextPageToken"]}
    assert await kms.ask(LIST, query=query, parent=PROJECT) == {"cryptoKeys": [near]}


async def test_what_a_key_protects_is_counted_by_type_product_and_place() -> None:
    kms, name = await started(bucket("a"), bucket("b"), bucket("c", "lab:gone"))
    counted = await kms.ask(SUMMARY, name=name)
    assert counted == {
        "name": f"{name}/protectedResourcesSummary",
        "resourceCount": "2",
        "projectCount": 1,
        "resourceTypes": {"storage.googleapis.com/Bucket": "2"},
        "cloudProducts": {"storage": "2"},
        "locations": {"u-here1": "2"},
    }
    assert await kms.ask(SUMMARY, query=OWN_PROJECT, name=name) == counted
    problem = await refusal(kms, SUMMARY, {}, name=f"{name}-not")
    assert problem.code is Code.NOT_FOUND


async def test_a_count_that_would_take_too_long_says_that_it_is_partial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inventory_api, "COUNTED_MAX", 2)
    kms, name = await started(bucket("a"), bucket("b"), bucket("c"))
    counted = await kms.ask(SUMMARY, name=name)
    assert counted["resourceCount"] == "2"
    [warning] = counted["warnings"]
    assert warning["warningCode"] == "RESOURCE_LIMIT_EXCEEDED_PARTIAL_DATA"


async def test_a_search_pages_by_name_within_its_scope() -> None:
    kms, name = await started(*(bucket(f"b{number}") for number in range(5)))
    [top] = await kms.cloud.parts.sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=1)
    seen, token = list[str](), ""
    while True:
        query = {"cryptoKey": name, "pageSize": "2", "pageToken": token}
        found = await kms.ask(SEARCH_ABOVE, query=query, scope=f"organizations/{top.id}")
        seen += [one["name"][-2:] for one in found["protectedResources"]]
        token = found.get("nextPageToken", "")
        if not token:
            break
    assert seen == ["b0", "b1", "b2", "b3", "b4"]
    [one, *_] = found["protectedResources"]
    assert one["createTime"] == "2023-11-14T22:13:20.000Z"
    assert one["projectId"] == "lab:demo"
    assert one["cryptoKeyVersion"].endswith("/cryptoKeyVersions/1")


@pytest.mark.parametrize(
    ("types", "count"),
    [
        ("", 1),
        ("storage.googleapis.com/Bucket", 1),
        ("storage.*", 1),
        (".*Folder", 0),
        (".*Folder\n.*Bucket", 1),
    ],
)
async def test_a_search_takes_patterns_of_types(types: str, count: int) -> None:
    kms, name = await started(bucket("a"))
    query = {"cryptoKey": name, "resourceTypes": types}
    found = await kms.ask(SEARCH, query=query, scope=PROJECT)
    assert len(found.get("protectedResources", [])) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "cryptoKey"),
        ({"cryptoKey": "key"}, "name"),
        ({"resourceTypes": "compute.*"}, "resourceTypes"),
        ({"resourceTypes": "("}, "resourceTypes"),
        ({"resourceTypes": "\n".join(["storage.*"] * 21)}, "resourceTypes"),
        ({"pageToken": "*"}, "pageToken"),
        ({"pageSize": "-1"}, "pageSize"),
    ],
)
async def test_a_search_that_cannot_be_is_refused_by_the_field(
    query: dict[str, str], field: str
) -> None:
    kms, name = await started(bucket("a"))
    asked = query if field in {"cryptoKey", "name"} else {"cryptoKey": name} | query
    problem = await refusal(kms, SEARCH, asked, scope=PROJECT)
    assert (problem.code, problem.field) == (Code.INVALID_ARGUMENT, field)
