"""Every method of IAM v1 by every caller who must not: refused, in Google's shape, in vain.

The list is generated from the table of methods. The same requests, made by the administrator, are
not refused: so it is the caller who is.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from rempart.services.iam.api import catalogue, custom_roles, keys, service_accounts
from rempart.wire import load
from support.cloud_iam import certificate, rsa_key
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {method.id: method for method in load("iam", "v1").methods}
TABLE = (
    *service_accounts.METHODS,
    *keys.METHODS,
    *custom_roles.METHODS,
    *catalogue.METHODS,
)
ANSWERED = {str(method.id): method for method in TABLE}
FOR_EVERYBODY = {str(method.id) for method in catalogue.METHODS}
"""What anybody who signed in may ask."""

ROLE = {"title": "t", "includedPermissions": ["storage.objects.get"]}
GUARDED = ["iam.serviceAccounts.get"]


@dataclass(frozen=True)
class Victim:
    """An account with a key, a deleted account, and a custom role in a project and above it."""

    project: str
    organization: str
    email: str
    deleted: str
    key: str
    role: str

    @property
    def account(self) -> str:
        return f"projects/{self.project}/serviceAccounts/{self.email}"

    def name(self, method: str) -> str:
        """Return what the path of a method names."""
        verb = method.rpartition(".")[2]
        if method.startswith("iam.roles."):
            return "roles/viewer"
        above = self.organization if ".organizations." in method else f"projects/{self.project}"
        if ".roles." in method:
            return above if verb in {"create", "list"} else f"{above}/roles/{self.role}"
        if ".keys." in method:
            named = verb not in {"create", "list", "upload"}
            return f"{self.account}/keys/{self.key}" if named else self.account
        if verb == "undelete":
            return f"projects/{self.project}/serviceAccounts/{self.deleted}"
        return above if verb in {"create", "list"} else self.account


def _body(method: str, victim: Victim) -> dict[str, Any]:
    fresh = uuid.uuid4().hex[:8]
    full = {"fullResourceName": f"//cloudresourcemanager.googleapis.com/projects/{victim.project}"}
    binding = {"role": "roles/iam.serviceAccountUser", "members": ["user:other@example.test"]}
    bodies: dict[str, dict[str, Any]] = {
        "serviceAccounts.create": {"accountId": f"new-{fresh}"},
        "serviceAccounts.patch": {
            "serviceAccount": {"displayName": "touched"},
            "updateMask": "displayName",
        },
        "serviceAccounts.update": {"displayName": "touched"},
        "setIamPolicy": {"policy": {"bindings": [binding]}},
        "testIamPermissions": {"permissions": GUARDED},
        "keys.create": {"keyAlgorithm": "KEY_ALG_RSA_2048"},
        "keys.upload": {"publicKeyData": certificate(rsa_key(), datetime.now(UTC))},
        "roles.create": {"roleId": f"new_{fresh}", "role": ROLE},
        "roles.patch": {"title": "touched"},
        "queryGrantableRoles": full,
        "queryTestablePermissions": full,
        "queryAuditableServices": full,
        "lintPolicy": {"condition": {"expression": "true"}},
    }
    return next((body for end, body in bodies.items() if method.endswith(end)), {})


def ask(caller: httpx.Client, method: str, victim: Victim) -> httpx.Response:
    path, verb = WIRE[method].path, WIRE[method].verb
    if "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + victim.name(method) + path[end + 1 :]
    body = _body(method, victim) if verb in {"POST", "PUT", "PATCH"} else None
    return caller.request(verb, f"/iam/{path}", json=body)


@pytest.fixture
def victim(admin: httpx.Client, universe: Universe) -> Victim:
    return _victim(admin, universe)


@pytest.fixture(scope="module")
def untouched(admin: httpx.Client, universe: Universe) -> Victim:
    """Return one victim for all refusals: none of them changes it."""
    return _victim(admin, universe)


def _victim(admin: httpx.Client, universe: Universe) -> Victim:
    fresh, project = uuid.uuid4().hex[:8], f"projects/{universe.project}"
    organization = universe.above["organizations"]

    def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = admin.post(f"/iam/v1/{path}", json=body)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    account = made(f"{project}/serviceAccounts", {"accountId": f"victim-{fresh}"})
    deleted = made(f"{project}/serviceAccounts", {"accountId": f"gone-{fresh}"})
    assert admin.delete(f"/iam/v1/{deleted['name']}").status_code == 200
    key = made(f"{account['name']}/keys", {"keyAlgorithm": "KEY_ALG_RSA_2048"})
    for above in (project, organization):
        made(f"{above}/roles", {"roleId": f"role_{fresh}", "role": ROLE})
    return Victim(
        project=universe.project,
        organization=organization,
        email=account["email"],
        deleted=deleted["uniqueId"],
        key=key["name"].rpartition("/")[2],
        role=f"role_{fresh}",
    )


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


def state(admin: httpx.Client, victim: Victim) -> list[Any]:
    """Return everything that a request could have changed."""
    every: dict[str, str | int] = {"pageSize": 100, "showDeleted": "true", "view": "FULL"}
    return [
        admin.get(f"/iam/v1/{path}", params=every).json()
        for path in (
            f"projects/{victim.project}/serviceAccounts",
            f"projects/{victim.project}/roles",
            f"{victim.organization}/roles",
            f"{victim.account}/keys",
        )
    ] + [admin.post(f"/iam/v1/{victim.account}:getIamPolicy").json()]


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_wrong_callers_are_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], untouched: Victim, method: str
) -> None:
    before = state(admin, untouched)
    for who in REFUSED:
        refused(callers[who], method, untouched, who)
    # To read it all takes longer than to be refused: once for all of them.
    assert state(admin, untouched) == before


def refused(caller: httpx.Client, method: str, untouched: Victim, who: str) -> None:
    answer = ask(caller, method, untouched)
    signed_in = REFUSED[who] == 403
    if method in FOR_EVERYBODY and signed_in:
        assert answer.status_code == 200, answer.text
        assert untouched.role not in answer.text
    elif ANSWERED[method].public and (signed_in or who == "anonymous"):
        expected = 401 if method in FOR_EVERYBODY else 200
        assert answer.status_code == expected, answer.text
        assert not answer.json().get("permissions")
    else:
        assert answer.status_code == REFUSED[who], answer.text
        error = answer.json()["error"]
        assert error["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
        assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo")


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_administrator_is_not_refused(admin: httpx.Client, victim: Victim, method: str) -> None:
    if method.endswith("roles.undelete"):
        assert ask(admin, method.replace("undelete", "delete"), victim).status_code == 200
    answer = ask(admin, method, victim)
    assert answer.status_code == 200, answer.text
    if method.endswith("keys.create"):
        assert b"PRIVATE KEY" in base64.b64decode(answer.json()["privateKeyData"])


@pytest.mark.parametrize("method", ["signBlob", "signJwt"])
def test_what_is_not_answered_says_so_by_name(
    admin: httpx.Client, untouched: Victim, method: str
) -> None:
    answer = admin.post(f"/iam/v1/{untouched.account}:{method}", json={})
    assert answer.status_code == 501, answer.text
    assert f"iam.projects.serviceAccounts.{method}" in answer.json()["error"]["message"]
