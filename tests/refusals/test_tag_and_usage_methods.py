"""Every method of tags and of Service Usage, by every caller who must not: refused, in vain.

The list is generated from the tables of methods; a method whose request is not said below fails.
The same requests, made by the administrator, are not refused: so it is the caller who is.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from rempart.core.method import Method
from rempart.services.resourcemanager.tags import TAG_METHODS
from rempart.services.serviceusage import METHODS
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

TABLE: tuple[Method[Any], ...] = (*TAG_METHODS, *METHODS)
ANSWERED = {str(method.id): method for method in TABLE}
V3, V1 = "/cloudresourcemanager/v3", "/serviceusage/v1"
HOLD_ADMIN = "roles/resourcemanager.tagHoldAdmin"
Ask = tuple[str, str, dict[str, Any], dict[str, Any] | None]


class Victim:
    """A key with two values, one of them bound and held; and a project that uses APIs."""

    def __init__(self, admin: httpx.Client, universe: Universe) -> None:
        self.admin = admin
        self.organization = universe.above["organizations"]
        self.project = f"projects/{universe.project}"
        self.full = f"//cloudresourcemanager.googleapis.com/{universe.above['folders']}"
        self.short = f"k-{uuid.uuid4().hex[:8]}"
        self.email = universe.admin_key["client_email"]
        self.key = self.made("tagKeys", {"parent": self.organization, "shortName": self.short})
        self.value = self.made("tagValues", {"parent": self.key, "shortName": "one"})
        self.other = self.made("tagValues", {"parent": self.key, "shortName": "two"})
        self.binding = self.made("tagBindings", {"parent": self.full, "tagValue": self.value})
        policy = self.policy(f"serviceAccount:{self.email}", HOLD_ADMIN)
        self.answered(admin.post(f"{V3}/{self.value}:setIamPolicy", json=policy))
        self.hold = self.made(f"{self.value}/tagHolds", {"holder": "//a/b"})
        services = f"{V1}/{self.project}/services/kmsinventory.googleapis.com"
        self.operation = self.answered(admin.post(f"{services}:disable", json={}))["name"]
        self.answered(admin.post(f"{services}:enable", json={}))

    def policy(self, member: str, role: str) -> dict[str, Any]:
        return {"policy": {"bindings": [{"role": role, "members": [member]}]}}

    def answered(self, answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()

    def made(self, noun: str, body: dict[str, Any]) -> str:
        name: str = self.answered(self.admin.post(f"{V3}/{noun}", json=body))["response"]["name"]
        return name

    def ask(self, method: str) -> Ask:
        """Return the request of a method: verb, path, query, body."""
        api, _, name = method.partition(".")
        return self.usage(name) if api == "serviceusage" else self.tag(name)

    def tag(self, name: str) -> Ask:
        namespaced = f"{self.organization.partition('/')[2]}/{self.short}"
        noun, _, verb = name.rpartition(".")
        mine = {"tagKeys": self.key, "tagValues": self.value}.get(noun, "")
        grant = self.policy(f"serviceAccount:{self.email}", HOLD_ADMIN)
        parent, hold = {"parent": self.full}, f"{V3}/{self.value}/tagHolds"
        bound = f"{V3}/locations/global/tagBindingCollections/{quote(self.full, safe='')}"
        held = {"permissions": ["resourcemanager.tagKeys.get"]}
        asks: dict[str, Ask] = {
            "tagKeys.create": (
                "POST",
                f"{V3}/tagKeys",
                {},
                {"parent": self.organization, "shortName": f"n-{uuid.uuid4().hex[:8]}"},
            ),
            "tagKeys.list": ("GET", f"{V3}/tagKeys", {"parent": self.organization}, None),
            "tagKeys.getNamespaced": (
                "GET",
                f"{V3}/tagKeys/namespaced",
                {"name": namespaced},
                None,
            ),
            "tagValues.create": (
                "POST",
                f"{V3}/tagValues",
                {},
                {"parent": self.key, "shortName": f"n-{uuid.uuid4().hex[:8]}"},
            ),
            "tagValues.list": ("GET", f"{V3}/tagValues", {"parent": self.key}, None),
            "tagValues.getNamespaced": (
                "GET",
                f"{V3}/tagValues/namespaced",
                {"name": f"{namespaced}/one"},
                None,
            ),
            "tagValues.tagHolds.create": ("POST", hold, {}, {"holder": f"//{uuid.uuid4()}"}),
            "tagValues.tagHolds.list": ("GET", hold, {}, None),
            "tagValues.tagHolds.delete": ("DELETE", f"{V3}/{self.hold}", {}, None),
            "tagBindings.create": (
                "POST",
                f"{V3}/tagBindings",
                {},
                {"parent": self.full, "tagValue": self.other},
            ),
            "tagBindings.list": ("GET", f"{V3}/tagBindings", parent, None),
            "tagBindings.delete": ("DELETE", f"{V3}/{self.binding}", {}, None),
            "locations.tagBindingCollections.get": ("GET", bound, {}, None),
            "locations.tagBindingCollections.patch": (
                "PATCH",
                bound,
                {"updateMask": "tags"},
                {"tags": {namespaced: "two"}},
            ),
            "locations.effectiveTagBindingCollections.get": (
                "GET",
                bound.replace("tagB", "effectiveTagB"),
                {},
                None,
            ),
            "effectiveTags.list": ("GET", f"{V3}/effectiveTags", parent, None),
        }
        verbs: dict[str, Ask] = {
            "get": ("GET", f"{V3}/{mine}", {}, None),
            "patch": (
                "PATCH",
                f"{V3}/{mine}",
                {"updateMask": "description"},
                {"description": "touched"},
            ),
            "delete": ("DELETE", f"{V3}/{mine}", {}, None),
            "getIamPolicy": ("POST", f"{V3}/{mine}:getIamPolicy", {}, {}),
            "setIamPolicy": ("POST", f"{V3}/{mine}:setIamPolicy", {}, grant),
            "testIamPermissions": ("POST", f"{V3}/{mine}:testIamPermissions", {}, held),
        }
        return asks.get(name) or verbs[verb]

    def usage(self, name: str) -> Ask:
        services = f"{V1}/{self.project}/services"
        inventory = f"{services}/kmsinventory.googleapis.com"
        names = f"{self.project}/services/storage.googleapis.com"
        asks: dict[str, Ask] = {
            "services.enable": ("POST", f"{inventory}:enable", {}, {}),
            "services.disable": ("POST", f"{inventory}:disable", {}, {}),
            "services.get": ("GET", inventory, {}, None),
            "services.list": ("GET", services, {}, None),
            "services.batchEnable": (
                "POST",
                f"{services}:batchEnable",
                {},
                {"serviceIds": ["kmsinventory.googleapis.com"]},
            ),
            "services.batchGet": ("GET", f"{services}:batchGet", {"names": names}, None),
            "services.generateServiceIdentity": (
                "POST",
                f"{inventory.replace('/v1/', '/v1beta1/')}:generateServiceIdentity",
                {},
                {},
            ),
            "operations.get": ("GET", f"{V1}/{self.operation}", {}, None),
            "operations.list": ("GET", f"{V1}/operations", {"name": self.project}, None),
            "operations.cancel": ("POST", f"{V1}/{self.operation}:cancel", {}, {}),
            "operations.delete": ("DELETE", f"{V1}/{self.operation}", {}, None),
        }
        return asks[name]

    def state(self) -> list[Any]:
        """Return everything that a request could have changed."""
        keys = {"parent": self.organization, "pageSize": 300}
        asked: list[tuple[str, dict[str, Any]]] = [
            (f"{V3}/tagKeys", keys),
            (f"{V3}/tagValues", {"parent": self.key}),
            (f"{V3}/tagBindings", {"parent": self.full}),
            (f"{V3}/{self.value}/tagHolds", {}),
            (f"{V1}/{self.project}/services", {}),
            (f"{V1}/operations", {"name": self.project}),
        ]
        policies = [f"{V3}/{one}:getIamPolicy" for one in (self.key, self.value)]
        return [
            *(self.answered(self.admin.get(path, params=query)) for path, query in asked),
            *(self.answered(self.admin.post(path, json={})) for path in policies),
        ]


def send(caller: httpx.Client, asked: Ask) -> httpx.Response:
    verb, path, query, body = asked
    return caller.request(verb, path, params=query, json=body)


@pytest.fixture(scope="module")
def victim(admin: httpx.Client, universe: Universe) -> Iterator[Victim]:
    made = Victim(admin, universe)
    yield made
    on = {"serviceIds": ["kmsinventory.googleapis.com"]}
    admin.post(f"{V1}/{made.project}/services:batchEnable", json=on)
    admin.delete(f"{V3}/{made.binding}")


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_wrong_callers_are_refused_and_nothing_happens(
    callers: dict[str, httpx.Client], victim: Victim, method: str
) -> None:
    before = victim.state()
    for who, status in REFUSED.items():
        answer = send(callers[who], victim.ask(method))
        if method.endswith("testIamPermissions") and who not in {"expired", "wrong audience"}:
            assert answer.status_code == 200, answer.text
            assert not answer.json().get("permissions")
        else:
            assert answer.status_code == status, f"{who}: {answer.text}"
            assert answer.json()["error"]["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
    assert victim.state() == before


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_administrator_is_not_refused(
    admin: httpx.Client, universe: Universe, victim: Victim, method: str
) -> None:
    answer = send(admin, victim.ask(method))
    assert answer.status_code not in {401, 403, 404, 500, 501}, answer.text
    if method.endswith(("operations.delete", "tagHolds.delete", "tagBindings.delete", "s.patch")):
        assert answer.status_code == 200, answer.text
        fresh = Victim(admin, universe)
        victim.__dict__.update(fresh.__dict__)


def test_the_name_of_a_binding_may_be_written_plainly(admin: httpx.Client, victim: Victim) -> None:
    answer = admin.delete(f"{V3}/tagBindings/{quote(victim.full, safe='')}/{victim.other}")
    assert answer.status_code == 404, answer.text
    assert "is not bound" in answer.json()["error"]["message"]
