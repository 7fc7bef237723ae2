"""Every method of Access Context Manager, by every caller who must not: refused, in vain.

The list is generated from the table of methods. The same requests, made by the administrator, are
not refused: so it is the caller who is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rempart.services.accesscontextmanager import METHODS
from rempart.wire import load
from support.universe import Universe, created
from support.wrong_callers import REFUSED, wrong_callers

ACM = "/accesscontextmanager/v1"
WIRE = {method.id: method for method in load("accesscontextmanager", "v1").methods}
ANSWERED = {str(method.id): method for method in METHODS}
PARTS = {"accessLevels": "near", "servicePerimeters": "box", "authorizedOrgsDescs": "friends"}


@pytest.fixture(scope="module")
def names(admin: httpx.Client, universe: Universe) -> Iterator[dict[str, str]]:
    """Return the names of a policy, of one of each of its parts, and of an operation."""
    organization = universe.above["organizations"]
    made = admin.post(
        f"{ACM}/accessPolicies", json={"parent": organization, "title": "all of it"}
    ).json()
    policy = made["response"]["name"]
    found = {"organization": organization, "policy": policy, "operations": made["name"]}
    for noun, id_ in PARTS.items():
        found[noun] = f"{policy}/{noun}/{id_}"
        answer = admin.post(f"{ACM}/{policy}/{noun}", json=part(noun, found[noun], organization))
        assert answer.status_code == 200, answer.text
    above, robot = (
        f"{organization}/gcpUserAccessBindings",
        universe.keys["stranger"]["client_email"],
    )
    found["folders"] = universe.above["folders"]
    found["projects"] = f"projects/{number_of(admin, universe)}"
    found["robot"] = robot
    bound = admin.post(f"{ACM}/{above}", json=binding(found)).json()
    found["gcpUserAccessBindings"] = bound["response"]["name"]
    yield found
    admin.delete(f"{ACM}/{found['gcpUserAccessBindings']}")
    admin.delete(f"{ACM}/{policy}")


def number_of(admin: httpx.Client, universe: Universe) -> str:
    """Return the number of the first project, as its buckets tell it."""
    name = created(admin, universe, f"acm-{time.time_ns():x}")
    number: str = admin.get(f"/storage/v1/b/{name}").json()["projectNumber"]
    return number


def part(noun: str, name: str, organization: str) -> dict[str, Any]:
    """Return a body that makes sense; the perimeter restricts nothing that is there."""
    bodies: dict[str, dict[str, Any]] = {
        "accessLevels": {"basic": {"conditions": [{"ipSubnetworks": ["203.0.113.0/24"]}]}},
        "servicePerimeters": {"status": {"restrictedServices": ["pubsub.googleapis.com"]}},
        "authorizedOrgsDescs": {
            "authorizationType": "AUTHORIZATION_TYPE_TRUST",
            "assetType": "ASSET_TYPE_DEVICE",
            "authorizationDirection": "AUTHORIZATION_DIRECTION_FROM",
            "orgs": [organization],
        },
    }
    return {"name": name} | bodies[noun]


def binding(names: dict[str, str]) -> dict[str, Any]:
    """Return a binding of the stranger that only tries a level."""
    return {
        "principal": {"serviceAccount": names["robot"]},
        "dryRunAccessLevels": [names["accessLevels"]],
    }


def ask(caller: httpx.Client, method: str, names: dict[str, str]) -> httpx.Response:
    wire = WIRE[method]
    *_, noun, verb = method.split(".")
    query = {"parent": names["organization"]} if method.endswith("accessPolicies.list") else {}
    if verb == "patch":
        masks = {"gcpUserAccessBindings": "dryRunAccessLevels", "authorizedOrgsDescs": "orgs"}
        query = {"updateMask": masks.get(noun, "title")}
    path = f"/accesscontextmanager/{_path(wire.path, noun, verb, names)}"
    sent = _body(noun, verb, names) if wire.verb in {"POST", "PATCH"} else None
    return caller.request(wire.verb, path, params=query, json=sent)


def _path(template: str, noun: str, verb: str, names: dict[str, str]) -> str:
    if "{" not in template:
        return template
    single = {"get", "patch", "delete", "testIamPermissions"}
    name = names[noun] if noun in names and verb in single else names["policy"]
    if noun == "gcpUserAccessBindings" and verb not in single:
        name = names["organization"]
    if verb == "lookupConfiguredServicePerimeter":
        name = names[noun]
    if noun == "services":
        name = "storage.googleapis.com"
    return template[: template.index("{")] + name + template[template.index("}") + 1 :]


def _body(noun: str, verb: str, names: dict[str, str]) -> dict[str, Any]:
    given = {"role": "roles/accesscontextmanager.policyAdmin", "members": ["user:a@b.test"]}
    whole: dict[str, dict[str, Any]] = {
        "testIamPermissions": {"permissions": ["accesscontextmanager.policies.get"]},
        "setIamPolicy": {"policy": {"bindings": [given]}},
        "patch": {"title": "touched"} if noun != "authorizedOrgsDescs" else {},
    }
    if noun == "gcpUserAccessBindings":
        return binding(names)
    if verb == "create" and noun in PARTS:
        return part(noun, f"{names[noun]}2", names["organization"])
    if verb == "create":
        return {"parent": names["organization"], "title": "another"}
    return whole.get(verb, {})


def state(admin: httpx.Client, names: dict[str, str]) -> list[Any]:
    """Return everything that a request could have changed."""
    policy = names["policy"]
    parent = {"parent": names["organization"]}
    paths = [policy, *(f"{policy}/{noun}" for noun in PARTS)]
    return [
        admin.get(f"{ACM}/accessPolicies", params=parent).json(),
        admin.post(f"{ACM}/{policy}:getIamPolicy", json={}).json(),
        admin.get(f"{ACM}/{parent['parent']}/gcpUserAccessBindings").json(),
        *(admin.get(f"{ACM}/{path}").json() for path in paths),
    ]


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_wrong_callers_are_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], names: dict[str, str], method: str
) -> None:
    before = state(admin, names)
    for who in REFUSED:
        refused(callers[who], method, names, who)
    # To read it all takes longer than to be refused: once for all of them.
    assert state(admin, names) == before


def refused(caller: httpx.Client, method: str, names: dict[str, str], who: str) -> None:
    answer = ask(caller, method, names)
    if ANSWERED[method].public and who not in {"expired", "wrong audience"}:
        assert answer.status_code == 200, answer.text
        assert not answer.json().get("permissions")
    else:
        assert answer.status_code == REFUSED[who], answer.text
        error = answer.json()["error"]
        assert error["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
        assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo")


ENDS = (
    "Bindings.delete",
    "Descs.delete",
    "Levels.delete",
    "Perimeters.delete",
    "replaceAll",
    "Policies.delete",
)
LAST = sorted(ANSWERED, key=lambda name: [name.endswith(end) for end in reversed(ENDS)])
"""What takes resources away comes after what needs them."""


@pytest.mark.parametrize("method", LAST)
def test_the_administrator_is_not_refused(
    admin: httpx.Client, names: dict[str, str], method: str
) -> None:
    answer = ask(admin, method, names)
    there = ("accessPolicies.create", "gcpUserAccessBindings.create")
    assert answer.status_code == (409 if method.endswith(there) else 200), answer.text


@pytest.mark.parametrize("method", sorted(WIRE.keys() - ANSWERED.keys()))
def test_what_is_not_answered_says_so_by_name(admin: httpx.Client, method: str) -> None:
    path = WIRE[method].path
    if "{" in path:
        start, end = path.index("{"), path.index("}")
        pattern = path[start + 1 : end].partition("=")[2].replace("**", "x").replace("*", "1")
        path = path[:start] + pattern + path[end + 1 :]
    answer = admin.request(WIRE[method].verb, f"/accesscontextmanager/{path}")
    assert answer.status_code == 501, answer.text
    assert method in answer.json()["error"]["message"]
