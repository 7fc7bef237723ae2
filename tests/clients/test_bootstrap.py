"""The first sign-in: a token for one person, once, soon, and on record for ever."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from support.universe import REMPART, Universe
from support.visitor import Visitor, authorize, told

POLICY = "resourcemanager.organizations.getIamPolicy"
Open = Callable[[], Visitor]


@pytest.fixture
def opened(universe: Universe) -> Iterator[Open]:
    made: list[Visitor] = []

    def new() -> Visitor:
        made.append(Visitor(universe))
        return made[-1]

    yield new
    for one in made:
        one.close()


def bootstraps(universe: Universe) -> list[dict[str, Any]]:
    told = universe.run(REMPART, "bootstrap", "list", "--data", universe.data, "--json").stdout
    listed: list[dict[str, Any]] = json.loads(told)["bootstraps"]
    return listed


def new(universe: Universe, *words: str) -> dict[str, Any]:
    command = (REMPART, "bootstrap", "create", "--data", str(universe.data), "--json", *words)
    made: dict[str, Any] = json.loads(universe.run(*command).stdout)
    return made


def sign_in(visitor: Visitor, made: dict[str, Any]) -> httpx.Response:
    chosen = visitor.submit(visitor.get("/"), "/provider", provider=made["provider"])
    return visitor.submit(chosen, "/bootstrap", token=made["token"])


def test_the_first_administrators_key_is_on_record(universe: Universe) -> None:
    first = bootstraps(universe)[0]
    assert first["state"] == "STANDING"
    assert first["serviceAccountKey"] == universe.admin_key["private_key_id"]
    assert first["member"].endswith(universe.admin_key["client_email"])
    shown = universe.run(REMPART, "bootstrap", "list", "--data", universe.data).stdout
    assert f"STANDING  {first['role']}  key {first['serviceAccountKey']}\n" in shown


def test_a_token_lets_one_person_in_once_with_a_role_for_a_time(
    universe: Universe, opened: Open
) -> None:
    made = new(universe, "--minutes=5")
    visitor = opened()
    assert sign_in(visitor, made).headers["location"] == "/"
    assert made["member"] in visitor.get("/").text
    again = sign_in(opened(), made)
    assert (again.status_code, "was used" in again.text) == (403, True)

    shown = next(one for one in bootstraps(universe) if one["name"] == made["name"])
    assert (shown["state"], shown["usedFrom"]) == ("USED", "127.0.0.1")
    assert shown["creator"].endswith(universe.admin_key["client_email"])
    assert made["token"] not in json.dumps(shown)

    url, verifier = authorize(made["provider"])
    page = visitor.get(visitor.get(url).headers["location"])
    code = told(visitor.submit(page, "/confirm", answer="yes"))["code"]
    token = visitor.exchange(code, verifier).json()["access_token"]
    with universe.caller(token) as caller:
        above = universe.above["organizations"]
        listed = caller.get(f"/iam/v1/{above}/bootstraps")
        assert listed.status_code == 200, listed.text
        assert caller.get("/storage/v1/b", params={"project": universe.project}).status_code == 403


def test_of_many_who_come_with_one_token_at_once_one_is_in(
    universe: Universe, opened: Open
) -> None:
    made = new(universe)
    visitors = [opened() for _ in range(8)]
    pages = [one.submit(one.get("/"), "/provider", provider=made["provider"]) for one in visitors]
    codes: list[int] = []

    def go(visitor: Visitor, page: httpx.Response) -> None:
        codes.append(visitor.submit(page, "/bootstrap", token=made["token"]).status_code)

    threads = [threading.Thread(target=go, args=pair) for pair in zip(visitors, pages, strict=True)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(codes) == [303] + [403] * 7


def test_the_organization_may_close_this_way_in(
    universe: Universe, admin: httpx.Client, opened: Open
) -> None:
    made = new(universe)
    pool = made["provider"].partition("/providers/")[0]
    change = {"updateMask": "disabled"}
    admin.patch(f"/iam/v1/{pool}", params=change, json={"disabled": True})
    try:
        visitor = opened()
        page = visitor.submit(visitor.get("/"), "/provider", provider=made["provider"])
        assert page.status_code == 400
        refused = universe.run(REMPART, "bootstrap", "create", "--data", universe.data, code=None)
        assert (refused.returncode == 0, "closed" in refused.stderr) == (False, True)
    finally:
        admin.patch(f"/iam/v1/{pool}", params=change, json={"disabled": False})
    assert sign_in(opened(), made).status_code == 303


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "roles/owner"}, "role"),
        ({"role": "roles/nobody.knows"}, "role"),
        ({"role": "roles/cloudkms.nothing"}, "role"),
        ({"lifetime": "0s"}, "lifetime"),
        ({"lifetime": "86401s"}, "lifetime"),
        ({"lifetime": "soon"}, "lifetime"),
        ({"more": 1}, "more"),
    ],
)
def test_what_cannot_be_is_refused(
    universe: Universe, admin: httpx.Client, body: dict[str, Any], field: str
) -> None:
    answer = admin.post(f"/iam/v1/{universe.above['organizations']}/bootstraps", json=body)
    assert answer.status_code == 400
    [violation] = [
        one["fieldViolations"][0]
        for one in answer.json()["error"]["details"]
        if "fieldViolations" in one
    ]
    assert violation["field"] == field


@pytest.mark.parametrize("token", ["", "x", "1.2.3", "1.abc." + "x" * 43])
def test_what_is_no_token_lets_nobody_in(universe: Universe, opened: Open, token: str) -> None:
    made = new(universe)
    assert sign_in(opened(), made | {"token": token}).status_code == 403
