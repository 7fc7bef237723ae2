"""Every method of workforce identity by every caller who must not: refused, and in vain.

The list is generated from the table of methods. The same requests, made by the administrator,
succeed: so it is the caller who is refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from rempart.services.iam.workforce import METHODS, OWN
from rempart.wire import load
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {method.id: method for one in (load("iam", "v1"), OWN) for method in one.methods}
ANSWERED = {str(method.id): method for method in METHODS}
POOLS = "/iam/v1/locations/global/workforcePools"
PROVIDER = {
    "attributeMapping": {"google.subject": "assertion.sub"},
    "oidc": {
        "issuerUri": "https://idp.example.test",
        "clientId": "c",
        "webSsoConfig": {
            "responseType": "CODE",
            "assertionClaimsBehavior": "ONLY_ID_TOKEN_CLAIMS",
        },
    },
}
BINDING = {"role": "roles/iam.workforcePoolViewer", "members": ["user:other@example.test"]}


@dataclass(frozen=True)
class Victim:
    """A pool with a provider, a subject, and an operation on each; and the same, deleted."""

    organization: str
    pool: str
    operations: dict[str, str]

    def name(self, method: str) -> str:
        """Return what the path of a method names."""
        *nouns, verb = method.removeprefix("iam.locations.workforcePools.").split(".")
        if method.startswith("iam.organizations."):
            return self.organization
        if "operations" in nouns:
            return self.operations[nouns[0] if nouns[0] != "operations" else "pools"]
        noun = nouns[0] if nouns else ""
        if verb in {"create", "list"}:
            return self.pool if noun else "locations/global"
        above = self.pool + ("-gone" if verb == "undelete" and not noun else "")
        gone = "-gone" if verb == "undelete" else ""
        return (
            above
            + {
                "": "",
                "providers": f"/providers/corp{gone}",
                "subjects": f"/subjects/s{gone}",
            }[noun]
        )


def ask(caller: httpx.Client, method: str, victim: Victim) -> httpx.Response:
    path, verb = WIRE[method].path, WIRE[method].verb
    start, end = path.index("{"), path.index("}")
    path = path[:start] + victim.name(method) + path[end + 1 :]
    fresh = f"x{uuid.uuid4().hex[:12]}"
    query: dict[str, str] = {}
    body: dict[str, Any] = {}
    if method.endswith("workforcePools.create"):
        query, body = {"workforcePoolId": fresh}, {"parent": victim.organization}
    elif method.endswith("providers.create"):
        query, body = {"workforcePoolProviderId": fresh}, PROVIDER
    elif method.endswith("workforcePools.list"):
        query = {"parent": victim.organization}
    elif method.endswith("patch"):
        query, body = {"updateMask": "displayName"}, {"displayName": "touched"}
    elif method.endswith("setIamPolicy"):
        body = {"policy": {"bindings": [BINDING]}}
    elif method.endswith("testIamPermissions"):
        body = {"permissions": ["iam.workforcePools.get"]}
    sent = body if verb in {"POST", "PATCH"} else None
    return caller.request(verb, f"/iam/{path}", params=query, json=sent)


def new_victim(admin: httpx.Client, universe: Universe) -> Victim:
    id_, organization = f"v{uuid.uuid4().hex[:12]}", universe.above["organizations"]

    def made(answer: httpx.Response) -> str:
        assert answer.status_code == 200, answer.text
        return str(answer.json()["name"])

    def pool(name: str) -> str:
        query = {"workforcePoolId": name}
        return made(admin.post(POOLS, params=query, json={"parent": organization}))

    def provider(name: str) -> str:
        query = {"workforcePoolProviderId": name}
        return made(admin.post(f"{POOLS}/{id_}/providers", params=query, json=PROVIDER))

    operations = {"pools": pool(id_), "providers": provider("corp")}
    operations["subjects"] = made(admin.delete(f"{POOLS}/{id_}/subjects/s-gone"))
    pool(f"{id_}-gone")
    provider("corp-gone")
    made(admin.delete(f"{POOLS}/{id_}-gone"))
    made(admin.delete(f"{POOLS}/{id_}/providers/corp-gone"))
    return Victim(organization, f"locations/global/workforcePools/{id_}", operations)


@pytest.fixture(scope="module")
def untouched(admin: httpx.Client, universe: Universe) -> Victim:
    """Return one victim for all refusals: none of them changes it."""
    return new_victim(admin, universe)


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


def state(admin: httpx.Client, victim: Victim) -> list[Any]:
    """Return everything that a request could have changed."""
    every = {"pageSize": "100", "showDeleted": "true", "parent": victim.organization}
    return [
        admin.get(POOLS, params=every).json(),
        admin.get(f"/iam/v1/{victim.pool}/providers", params=every).json(),
        admin.post(f"/iam/v1/{victim.pool}:getIamPolicy").json(),
        admin.get(f"/iam/v1/{victim.organization}/bootstraps", params={"pageSize": "100"}).json(),
    ]


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_wrong_caller_is_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], untouched: Victim, method: str, who: str
) -> None:
    before = state(admin, untouched)
    answer = ask(callers[who], method, untouched)
    if ANSWERED[method].public and (REFUSED[who] == 403 or who == "anonymous"):
        assert (answer.status_code, answer.json()) == (200, {})
    else:
        assert answer.status_code == REFUSED[who], answer.text
        error = answer.json()["error"]
        assert error["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
        assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo")
    assert state(admin, untouched) == before


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_administrator_is_not_refused(
    admin: httpx.Client, universe: Universe, method: str
) -> None:
    answer = ask(admin, method, new_victim(admin, universe))
    assert answer.status_code == 200, answer.text


def test_what_is_absent_is_answered_as_what_is_forbidden(
    callers: dict[str, httpx.Client], untouched: Victim
) -> None:
    stranger = callers["stranger"]
    there = stranger.get(f"/iam/v1/{untouched.pool}").json()["error"]
    absent = stranger.get(f"{POOLS}/not-there-at-all").json()["error"]
    assert (there["code"], there["status"]) == (absent["code"], absent["status"])


@pytest.mark.parametrize("noun", ["keys", "scimTenants"])
def test_what_is_not_answered_says_so_by_name(
    admin: httpx.Client, untouched: Victim, noun: str
) -> None:
    answer = admin.get(f"/iam/v1/{untouched.pool}/providers/corp/{noun}")
    assert answer.status_code == 501
    expected = f"iam.locations.workforcePools.providers.{noun}.list"
    assert expected in answer.json()["error"]["message"]
