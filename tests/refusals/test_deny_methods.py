"""Every method on deny policies, by every caller who must not: refused, in vain."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rempart.services.iam.deny import METHODS
from rempart.wire import load
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {method.id: method for method in load("iam", "v2").methods}
ANSWERED = {str(method.id): method for method in METHODS}
LEVELS = ("projects", "folders", "organizations")
RULE = {
    "deniedPrincipals": ["principal://goog/subject/nobody@example.com"],
    "deniedPermissions": ["storage.googleapis.com/objects.get"],
}
POLICY = {"rules": [{"denyRule": RULE}]}


@pytest.fixture(scope="module", params=LEVELS)
def operation(admin: httpx.Client, universe: Universe, request: pytest.FixtureRequest) -> str:
    """Return the operation that made a policy on a level."""
    name = {"projects": f"projects/{universe.project}"} | universe.above
    where = f"cloudresourcemanager.googleapis.com%2F{name[request.param].replace('/', '%2F')}"
    query = {"policyId": f"t-{uuid.uuid4().hex[:8]}"}
    made = admin.post(f"/iam/v2/policies/{where}/denypolicies", params=query, json=POLICY)
    assert made.status_code == 200, made.text
    return str(made.json()["name"])


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


def ask(caller: httpx.Client, method: str, operation: str) -> httpx.Response:
    wire, policy = WIRE[method], operation.partition("/operations/")[0]
    names = {"parent": policy.rpartition("/")[0], "name": policy}
    if method.endswith("operations.get"):
        names["name"] = operation
    variable = "parent" if "{parent" in wire.path else "name"
    body = POLICY if wire.verb in {"POST", "PUT"} else None
    query = {"policyId": f"t-{uuid.uuid4().hex[:8]}"} if wire.verb == "POST" else {}
    return caller.request(wire.verb, f"/iam/v2/{names[variable]}", params=query, json=body)


def state(admin: httpx.Client, operation: str) -> Any:
    policy = operation.partition("/operations/")[0]
    names = (policy, policy.rpartition("/")[0])
    return [admin.get(f"/iam/v2/{name}").json() for name in names]


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_wrong_caller_is_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], operation: str, method: str, who: str
) -> None:
    before = state(admin, operation)
    answer = ask(callers[who], method, operation)
    assert answer.status_code == REFUSED[who], answer.text
    assert answer.json()["error"]["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
    assert state(admin, operation) == before


def test_the_table_answers_every_method_that_is_described() -> None:
    assert ANSWERED.keys() == WIRE.keys()


@pytest.mark.parametrize("method", sorted(ANSWERED.keys() - {"iam.policies.delete"}))
def test_the_administrator_is_not_refused(admin: httpx.Client, operation: str, method: str) -> None:
    assert ask(admin, method, operation).status_code == 200


@pytest.mark.parametrize("method", ["iam.policies.get", "iam.policies.createPolicy"])
def test_absent_and_forbidden_levels_are_told_the_same(
    callers: dict[str, httpx.Client], universe: Universe, method: str
) -> None:
    there, absent = (
        ask(
            callers["stranger"],
            method,
            f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{id_}/denypolicies/ddd",
        ).json()["error"]
        for id_ in (universe.project, f"{universe.project}-not")
    )
    assert there["message"].replace(universe.project, "P") == absent["message"].replace(
        f"{universe.project}-not", "P"
    )
