"""Every method on principal access boundaries, by every caller who must not: refused, in vain."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from rempart.services.iam.boundaries import METHODS
from rempart.wire import load
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {method.id: method for method in load("iam", "v3").methods}
ANSWERED = {str(method.id): method for method in METHODS}
MANAGER = "//cloudresourcemanager.googleapis.com"
ID = "refused"


@dataclass(frozen=True)
class Victim:
    """An organization with a policy; a binding on each level that binds nobody who is here."""

    levels: dict[str, str]
    operations: dict[str, str]

    @property
    def policy(self) -> str:
        return (
            f"{self.levels['organizations']}/locations/global/principalAccessBoundaryPolicies/p-1"
        )

    def binding(self, noun: str) -> dict[str, Any]:
        return {
            "policy": self.policy,
            "target": {"principalSet": f"{MANAGER}/{self.levels[noun]}"},
            "condition": {"expression": "principal.subject == 'nobody@example.com'"},
        }

    @property
    def boundary(self) -> dict[str, Any]:
        rule = {"resources": [f"{MANAGER}/{self.levels['organizations']}"], "effect": "ALLOW"}
        return {"details": {"rules": [rule]}}


@pytest.fixture(scope="module")
def victim(admin: httpx.Client, universe: Universe) -> Iterator[Victim]:
    made = Victim({"projects": f"projects/{universe.project}"} | universe.above, {})
    where = f"/iam/v3/{made.policy.rpartition('/')[0]}"
    query = {"principalAccessBoundaryPolicyId": "p-1"}
    answer = admin.post(where, params=query, json=made.boundary)
    assert answer.status_code == 200, answer.text
    for noun, level in made.levels.items():
        answer = admin.post(
            f"/iam/v3/{level}/locations/global/policyBindings",
            params={"policyBindingId": "b-1"},
            json=made.binding(noun),
        )
        assert answer.status_code == 200, answer.text
        made.operations[noun] = answer.json()["name"]
    yield made
    answer = admin.delete(f"/iam/v3/{made.policy}", params={"force": "true"})
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


def ask(caller: httpx.Client, method: str, victim: Victim) -> httpx.Response:
    wire = WIRE[method]
    noun = method.split(".")[1]
    level = f"{victim.levels[noun]}/locations/global"
    boundary = "principalAccessBoundaryPolicies" in method
    fresh = f"t-{uuid.uuid4().hex[:8]}"
    start, end = wire.path.index("{"), wire.path.index("}")
    names = {
        "policyBindings": f"{level}/policyBindings/b-1",
        "principalAccessBoundaryPolicies": victim.policy,
        "operations": victim.operations[noun],
    }
    pattern = wire.path[start:end]
    name = next((one for part, one in names.items() if part in pattern), level)
    query = {"target": f"{MANAGER}/{victim.levels[noun]}"} if "searchTarget" in method else {}
    if method.endswith("create"):
        query = {"principalAccessBoundaryPolicyId" if boundary else "policyBindingId": fresh}
    body = None
    if wire.verb in {"POST", "PATCH"}:
        body = victim.boundary if boundary else victim.binding(noun)
    path = f"{wire.path[:start]}{name}{wire.path[end + 1 :]}"
    return caller.request(wire.verb, f"/iam/{path}", params=query, json=body)


def state(admin: httpx.Client, victim: Victim) -> Any:
    levels = [f"{level}/locations/global/policyBindings" for level in victim.levels.values()]
    names = [victim.policy, victim.policy.rpartition("/")[0], *levels]
    return [admin.get(f"/iam/v3/{name}").json() for name in names]


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_wrong_caller_is_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], victim: Victim, method: str, who: str
) -> None:
    before = state(admin, victim)
    answer = ask(callers[who], method, victim)
    assert answer.status_code == REFUSED[who], answer.text
    assert state(admin, victim) == before


@pytest.mark.parametrize("method", sorted(one for one in ANSWERED if not one.endswith("delete")))
def test_the_administrator_is_not_refused(admin: httpx.Client, victim: Victim, method: str) -> None:
    assert ask(admin, method, victim).status_code == 200


@pytest.mark.parametrize("method", sorted(WIRE.keys() - ANSWERED.keys()))
def test_access_policies_are_not_answered_and_say_so(admin: httpx.Client, method: str) -> None:
    path = WIRE[method].path
    start, end = path.index("{"), path.index("}")
    filled = path[start + 1 : end].partition("=")[2].replace("*", "x")
    answer = admin.request(WIRE[method].verb, f"/iam/{path[:start]}{filled}{path[end + 1 :]}")
    assert answer.status_code == 501, answer.text
    assert method in answer.json()["error"]["message"]
