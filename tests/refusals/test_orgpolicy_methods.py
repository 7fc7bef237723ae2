"""Every method of Organization Policy, by every caller who must not: refused, in vain."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rempart.services.orgpolicy import METHODS
from rempart.wire import load
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {method.id: method for method in load("orgpolicy", "v2").methods}
ANSWERED = {str(method.id) for method in METHODS}
CONSTRAINT = "iam.disableServiceAccountKeyUpload"
SPEC = {"spec": {"rules": [{"enforce": True}]}}


def containers(universe: Universe) -> dict[str, str]:
    return {**universe.above, "projects": f"projects/{universe.project}"}


def custom(organization: str, id_: str) -> dict[str, Any]:
    return {
        "name": f"{organization}/customConstraints/custom.{id_}",
        "resourceTypes": ["storage.googleapis.com/Bucket"],
        "methodTypes": ["CREATE"],
        "condition": "resource.versioning.enabled",
        "actionType": "ALLOW",
    }


def ask(caller: httpx.Client, method: str, universe: Universe) -> httpx.Response:
    wire, noun = WIRE[method], method.split(".")[1]
    above = containers(universe)[noun]
    start, end = wire.path.index("{"), wire.path.index("}")
    pattern = wire.path[start + 1 : end].partition("=")[2]
    policy = f"{above}/policies/{CONSTRAINT}"
    own = custom(above, "victim")
    body: dict[str, Any] | None = {"name": policy, **SPEC}
    name = above
    if "policies" in pattern:
        name = policy
    elif "customConstraints" in pattern:
        name, body = own["name"], own
    elif "customConstraints" in method:
        body = custom(above, uuid.uuid4().hex[:8])
    if method.endswith("policies.create"):
        body = {"name": f"{above}/policies/iam.disableServiceAccountCreation", **SPEC}
    path = wire.path[:start] + name + wire.path[end + 1 :]
    sent = body if wire.verb in {"POST", "PATCH"} else None
    return caller.request(wire.verb, f"/orgpolicy/{path}", json=sent)


def remove(admin: httpx.Client, universe: Universe) -> None:
    for above in containers(universe).values():
        for policy in admin.get(f"/orgpolicy/v2/{above}/policies").json().get("policies", ()):
            assert admin.delete(f"/orgpolicy/v2/{policy['name']}").status_code == 200
    own = admin.get(f"/orgpolicy/v2/{universe.above['organizations']}/customConstraints").json()
    for one in own.get("customConstraints", ()):
        assert admin.delete(f"/orgpolicy/v2/{one['name']}").status_code == 200


def prepare(admin: httpx.Client, universe: Universe) -> None:
    remove(admin, universe)
    for above in containers(universe).values():
        body = {"name": f"{above}/policies/{CONSTRAINT}", **SPEC}
        assert admin.post(f"/orgpolicy/v2/{above}/policies", json=body).status_code == 200
    top = universe.above["organizations"]
    made = admin.post(f"/orgpolicy/v2/{top}/customConstraints", json=custom(top, "victim"))
    assert made.status_code == 200, made.text


@pytest.fixture(scope="module")
def victim(admin: httpx.Client, universe: Universe) -> Iterator[Universe]:
    """Return a universe with a policy on each container and a custom constraint."""
    prepare(admin, universe)
    yield universe
    remove(admin, universe)


def state(admin: httpx.Client, universe: Universe) -> list[Any]:
    top = universe.above["organizations"]
    paths = [f"{above}/policies" for above in containers(universe).values()]
    return [
        admin.get(f"/orgpolicy/v2/{one}").json() for one in (*paths, f"{top}/customConstraints")
    ]


def test_every_method_is_answered() -> None:
    assert WIRE.keys() == ANSWERED


@pytest.mark.parametrize("who", REFUSED)
def test_the_wrong_caller_is_refused_and_nothing_happens(
    admin: httpx.Client, victim: Universe, who: str
) -> None:
    before = state(admin, victim)
    with wrong_callers(victim, "storage") as callers:
        for method in sorted(ANSWERED):
            answer = ask(callers[who], method, victim)
            assert answer.status_code == REFUSED[who], (method, answer.text)
            error = answer.json()["error"]
            assert error["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
            assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo")
    assert state(admin, victim) == before


def test_the_administrator_is_not_refused(admin: httpx.Client, victim: Universe) -> None:
    for method in sorted(ANSWERED):
        if method.endswith("delete"):
            continue
        answer = ask(admin, method, victim)
        assert answer.status_code == 200, (method, answer.text)
    for method in sorted(ANSWERED):
        if method.endswith("delete"):
            assert ask(admin, method, victim).status_code == 200, method
    prepare(admin, victim)


def test_an_owner_may_read_policies_and_change_none(
    universe: Universe, victim: Universe, admin: httpx.Client
) -> None:
    """Google keeps the right to change them out of the basic roles: an owner cannot free itself."""
    neighbour = universe.keys["neighbour"]
    project = f"projects/{neighbour['project_id']}"
    with universe.caller(universe.token(neighbour)) as owner:
        effective = owner.get(f"/orgpolicy/v2/{project}/policies/{CONSTRAINT}:getEffectivePolicy")
        assert effective.json()["spec"]["rules"] == [{"enforce": True}]
        body = {"name": f"{project}/policies/{CONSTRAINT}", "spec": {"reset": True}}
        assert owner.post(f"/orgpolicy/v2/{project}/policies", json=body).status_code == 403
