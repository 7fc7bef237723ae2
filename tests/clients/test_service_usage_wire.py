"""Service Usage over plain HTTP: bad input, operations, and who cannot be locked out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.universe import Universe

INVENTORY = "kmsinventory.googleapis.com"


@pytest.fixture
def parent(admin: httpx.Client, universe: Universe) -> Iterator[str]:
    made = f"/serviceusage/v1/projects/{universe.project}"
    yield made
    on = {"serviceIds": [INVENTORY, "cloudkms.googleapis.com"]}
    assert admin.post(f"{made}/services:batchEnable", json=on).status_code == 200


def test_an_operation_is_told_listed_and_forgotten(admin: httpx.Client, parent: str) -> None:
    done = admin.post(f"{parent}/services/{INVENTORY}:disable", json={}).json()
    assert done["metadata"]["resourceNames"][0].endswith(f"/services/{INVENTORY}")
    path = f"/serviceusage/v1/{done['name']}"
    assert admin.get(path).json() == done
    listed = admin.get(
        "/serviceusage/v1/operations", params={"name": parent.partition("/v1/")[2]}
    ).json()["operations"]
    assert done in listed
    assert admin.post(f"{path}:cancel", json={}).json() == {}
    assert admin.delete(path).json() == {}
    assert admin.get(path).status_code == 404
    again = admin.post(f"{parent}/services/{INVENTORY}:disable", json={}).json()
    assert again["name"] == "operations/noop.DONE_OPERATION"


def test_a_project_is_known_by_its_number_too(admin: httpx.Client, parent: str) -> None:
    shown = admin.get(f"{parent}/services/{INVENTORY}").json()
    assert shown["parent"].removeprefix("projects/").isdecimal()
    assert admin.get(f"/serviceusage/v1/{shown['name']}").json() == shown


def test_every_name_that_is_listed_is_an_api_and_can_be_turned_on(
    admin: httpx.Client, parent: str
) -> None:
    """Security Token Service is one, although no project's policy is asked for it."""
    listed = admin.get(f"{parent}/services", params={"pageSize": "200"}).json()["services"]
    names = [one["config"]["name"] for one in listed]
    assert "sts.googleapis.com" in names
    for one in (shown["config"] for shown in listed):
        api = one["name"].removesuffix(".googleapis.com")
        assert one["title"] != f"{api} API", "a title of its own"
    answer = admin.post(f"{parent}/services:batchEnable", json={"serviceIds": names})
    assert answer.status_code == 200, answer.text


def test_nobody_can_lock_a_project_out(admin: httpx.Client, parent: str) -> None:
    for api in ("serviceusage", "cloudresourcemanager"):
        name = f"{parent}/services/{api}.googleapis.com:disable"
        answer = admin.post(name, json={"disableDependentServices": True})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["status"] == "FAILED_PRECONDITION"


def test_what_was_used_is_not_turned_off_unawares(
    admin: httpx.Client, parent: str, universe: Universe
) -> None:
    place = f"projects/{universe.project}/locations/{universe.location}"
    assert admin.get(f"/cloudkms/v1/{place}/keyRings").status_code == 200
    body = {"checkIfServiceHasUsage": "CHECK", "disableDependentServices": True}
    path = f"{parent}/services/cloudkms.googleapis.com:disable"
    answer = admin.post(path, json=body)
    assert answer.status_code == 400, answer.text
    assert "within the last 30 days" in answer.json()["error"]["message"]
    assert admin.post(path, json=body | {"checkIfServiceHasUsage": "SKIP"}).status_code == 200


def test_pages_go_on_where_they_ended(admin: httpx.Client, parent: str) -> None:
    every = [one["config"]["name"] for one in admin.get(f"{parent}/services").json()["services"]]
    seen, query = list[str](), {"pageSize": "2"}
    while True:
        page = admin.get(f"{parent}/services", params=query).json()
        seen += [one["config"]["name"] for one in page["services"]]
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
    assert seen == every == sorted(every)


BAD: list[tuple[str, str, dict[str, str], Any, int, str]] = [
    ("POST", "services/x.googleapis.com:enable", {}, {}, 403, "Not found or permission denied"),
    ("POST", "services/storage:enable", {}, {}, 403, "Not found or permission denied"),
    ("POST", "services:batchEnable", {}, {"serviceIds": []}, 400, "1 to 20"),
    ("POST", "services:batchEnable", {}, {"serviceIds": ["a"] * 21}, 400, "1 to 20"),
    ("GET", "services:batchGet", {}, None, 400, "1 to 30"),
    ("GET", "services:batchGet", {"names": "projects/x/services/y"}, None, 400, "is not in"),
    ("GET", "services", {"filter": "x"}, None, 400, "state:ENABLED"),
    ("GET", "services", {"pageSize": "201"}, None, 400, "1 to 200"),
    ("GET", "services", {"pageToken": "!"}, None, 400, "pageToken"),
    ("POST", "services/storage.googleapis.com:disable", {},
     {"checkIfServiceHasUsage": "MAYBE"}, 400, "SKIP or CHECK"),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[1]} {bad[5]}")
def test_bad_input_is_refused(
    admin: httpx.Client, parent: str, bad: tuple[str, str, dict[str, str], Any, int, str]
) -> None:
    verb, path, query, body, status, says = bad
    answer = admin.request(verb, f"{parent}/{path}", params=query, json=body)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]["message"]
