"""Every method that tells who may do what, by every caller who must not: nothing is told.

The troubleshooter asks for no permission, as Google's does not: who may read no policy learns
nothing from it, not even whether a resource is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rempart.services.cloudasset import METHODS as ASSET_METHODS
from rempart.services.cloudasset import OWN as ASSET_OWN
from rempart.services.policytroubleshooter import METHODS as TROUBLE_METHODS
from rempart.services.policytroubleshooter import OWN as TROUBLE_OWN
from rempart.services.recommender import METHODS as RECOMMENDER_METHODS
from rempart.services.transparency import METHODS as TRANSPARENCY_METHODS
from rempart.services.transparency import OWN as TRANSPARENCY_OWN
from rempart.wire import load
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

RECOMMENDER = {str(method.id) for method in RECOMMENDER_METHODS}
ASSET = {str(method.id) for method in ASSET_METHODS}
TRANSPARENCY = {str(method.id) for method in TRANSPARENCY_METHODS}
TROUBLE = {str(method.id) for method in TROUBLE_METHODS}
DESCRIBED = (
    *load("cloudasset", "v1").methods,
    *load("recommender", "v1").methods,
    *load("policytroubleshooter", "v1").methods,
    *load("policytroubleshooter", "v3").methods,
)
WIRE = {
    one.id: one
    for one in (*DESCRIBED, *ASSET_OWN.methods, *TROUBLE_OWN.methods, *TRANSPARENCY_OWN.methods)
}
LEVELS = ("projects", "folders", "organizations")
SIGNED_IN = frozenset(("stranger", "other project"))
UNKNOWN = {"UNKNOWN_INFO", "UNKNOWN_INFO_DENIED"}


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


def level(universe: Universe, noun: str) -> str:
    return ({"projects": f"projects/{universe.project}"} | universe.above)[noun]


def analyse(caller: httpx.Client, method: str, scope: str) -> httpx.Response:
    path = WIRE[method].path.replace("{scope=*/*}", scope)
    query = {"analysisQuery.accessSelector.roles": "roles/owner"}
    return caller.request(WIRE[method].verb, f"/cloudasset/{path}", params=query)


def recommend(caller: httpx.Client, method: str, universe: Universe) -> httpx.Response:
    at = level(universe, method.split(".")[1])
    name = f"{at}/locations/global/recommenders/google.iam.policy.Recommender"
    wire = WIRE[method]
    path = f"v1/{name}/recommendations"
    if not method.endswith(".list"):
        verb = wire.path.rpartition(":")[2] if ":mark" in wire.path else ""
        path += f"/{'0' * 32}" + (f":{verb}" if verb else "")
    body = {"etag": "x"} if wire.verb == "POST" else None
    return caller.request(wire.verb, f"/recommender/{path}", json=body)


def trouble(caller: httpx.Client, method: str, resource: str) -> httpx.Response:
    access = {
        "principal": "somebody@example.com",
        "permission": "storage.objects.get",
        "fullResourceName": resource,
    }
    path = f"/policytroubleshooter/{WIRE[method].path}"
    return caller.post(path, json={"accessTuple": access})


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("noun", LEVELS)
@pytest.mark.parametrize("method", sorted(ASSET))
def test_the_wrong_caller_learns_nothing_of_a_scope(
    callers: dict[str, httpx.Client], universe: Universe, method: str, noun: str, who: str
) -> None:
    answer = analyse(callers[who], method, level(universe, noun))
    assert answer.status_code == REFUSED[who], answer.text
    assert answer.json()["error"]["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("method", sorted(RECOMMENDER))
def test_the_wrong_caller_learns_nothing_of_recommendations(
    callers: dict[str, httpx.Client], universe: Universe, method: str, who: str
) -> None:
    answer = recommend(callers[who], method, universe)
    assert answer.status_code == REFUSED[who], answer.text
    assert answer.json()["error"]["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}


@pytest.mark.parametrize("method", sorted(RECOMMENDER))
def test_the_administrator_is_told_that_there_is_no_recommendation_yet(
    admin: httpx.Client, universe: Universe, method: str
) -> None:
    answer = recommend(admin, method, universe)
    assert answer.status_code == (200 if method.endswith(".list") else 404), answer.text


@pytest.mark.parametrize("method", sorted(ASSET))
def test_the_administrator_is_answered(
    admin: httpx.Client, universe: Universe, method: str
) -> None:
    for noun in LEVELS:
        assert analyse(admin, method, level(universe, noun)).status_code == 200


@pytest.mark.parametrize("method", sorted(ASSET))
def test_absent_and_forbidden_scopes_are_told_the_same(
    callers: dict[str, httpx.Client], universe: Universe, method: str
) -> None:
    there, absent = (
        analyse(callers["stranger"], method, f"projects/{id_}").json()["error"]["message"]
        for id_ in (universe.project, f"{universe.project}-not")
    )
    assert there.replace(universe.project, "P") == absent.replace(f"{universe.project}-not", "P")


@pytest.mark.parametrize("who", sorted(REFUSED.keys() - SIGNED_IN))
@pytest.mark.parametrize("method", sorted(TROUBLE))
def test_nobody_troubleshoots_without_a_credential(
    callers: dict[str, httpx.Client], universe: Universe, method: str, who: str
) -> None:
    resource = f"//cloudresourcemanager.googleapis.com/projects/{universe.project}"
    assert trouble(callers[who], method, resource).status_code == REFUSED[who]


@pytest.mark.parametrize("who", sorted(SIGNED_IN))
@pytest.mark.parametrize("method", sorted(TROUBLE))
def test_who_may_read_no_policy_is_told_that_all_is_unknown(
    callers: dict[str, httpx.Client], universe: Universe, method: str, who: str
) -> None:
    there, absent = (
        trouble(callers[who], method, f"//cloudresourcemanager.googleapis.com/projects/{id_}")
        for id_ in (universe.project, f"{universe.project}-not")
    )
    for answer in (there, absent):
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        assert (told.get("overallAccessState") or told.get("access")) in UNKNOWN
        assert "roles/" not in json.dumps(told)
        assert "organizations/" not in json.dumps(told)


def test_the_tables_answer_what_they_say() -> None:
    assert WIRE.keys() >= ASSET | TROUBLE | RECOMMENDER
    assert (len(ASSET), len(TROUBLE), len(RECOMMENDER)) == (3, 3, 18)


@pytest.mark.parametrize("method", ["assets.list", "exportAssets", "searchAllResources"])
def test_other_methods_of_the_inventory_are_not_there_by_name(
    admin: httpx.Client, universe: Universe, method: str
) -> None:
    wire = WIRE[f"cloudasset.{method}"]
    path = wire.path.replace("{scope=*/*}", f"projects/{universe.project}")
    path = path.replace("{parent=*/*}", f"projects/{universe.project}")
    answer = admin.request(wire.verb, f"/cloudasset/{path}")
    assert answer.status_code == 501
    assert f"cloudasset.{method}" in answer.text


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("method", sorted(TRANSPARENCY))
def test_no_entry_of_the_log_is_opened(
    universe: Universe, callers: dict[str, httpx.Client], method: str, who: str
) -> None:
    parent = level(universe, method.split(".")[1])
    answer = callers[who].get(f"/transparency/v1/{parent}/openings")
    assert answer.status_code in {401, 403}
    assert "leaf" not in answer.text
