"""Every method of Resource Manager, by every caller who must not: refused, in vain.

The list is generated from the table of methods. The same requests, made by the administrator, are
not refused: so it is the caller who is.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from rempart.core.method import Access
from rempart.services.resourcemanager import METHODS
from rempart.services.resourcemanager.tags import METHODS as TAG_METHODS
from rempart.wire import WireMethod, load
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {
    method.id: method
    for version in ("v1", "v2", "v3")
    for method in load("cloudresourcemanager", version).methods
}
TAGS = re.compile(r"\.(?:locations\.)?(?:tag|effectiveTag)")
"""The methods on tags are refused, and asked for, in a file of their own."""

EVERY = {str(method.id): method for method in METHODS}
TAGGED = {str(method.id) for method in TAG_METHODS}
ANSWERED = {name: method for name, method in EVERY.items() if not TAGS.search(name)}
LIEN = {"restrictions": ["resourcemanager.projects.delete"], "reason": "r", "origin": "o"}
RIGHTS_ONLY = frozenset(name for name in ANSWERED if name.endswith(".testIamPermissions"))
FOUND_ONLY = frozenset(name for name in ANSWERED if name.endswith((".search", "v1.projects.list")))


@dataclass(frozen=True)
class Victim:
    """A folder with a project, a project with a lien, and an operation: the administrator's."""

    organization: str
    folder: str
    project: str
    guarded: str
    lien: str
    operations: dict[bool, str]
    """By whether it was begun in an older version."""

    def name(self, wire: WireMethod) -> str:
        if ".organizations." in wire.id:
            return self.organization
        if ".folders." in wire.id:
            return self.folder
        if ".liens." in wire.id:
            return self.lien
        if ".operations." in wire.id:
            return self.operations[".v1." in wire.id]
        return f"projects/{self.project}"


def ask(caller: httpx.Client, method: str, victim: Victim) -> httpx.Response:
    wire = WIRE[method]
    path, start = wire.path, wire.path.find("{")
    if start >= 0:
        end = path.index("}")
        name = victim.name(wire)
        whole = "=" in path[start:end]
        path = path[:start] + (name if whole else name.rpartition("/")[2]) + path[end + 1 :]
    body = _body(method, victim) if wire.verb in {"POST", "PATCH", "PUT"} else None
    query = _query(method, victim, wire)
    return caller.request(wire.verb, f"/cloudresourcemanager/{path}", params=query, json=body)


def _query(method: str, victim: Victim, wire: WireMethod) -> dict[str, str]:
    offered = {one.name for one in wire.parameters if one.location == "query"}
    if "parent" in offered:
        return {"parent": victim.guarded if ".liens." in method else victim.organization}
    return {"updateMask": "displayName"} if "updateMask" in offered else {}


def _body(method: str, victim: Victim) -> dict[str, Any]:
    fresh = uuid.uuid4().hex[:12]
    old = ".v1." in method
    parent: Any = victim.organization
    if old:
        parent = {"type": "organization", "id": parent.partition("/")[2]}
    bodies: dict[str, dict[str, Any]] = {
        "folders.create": {"displayName": fresh, "parent": victim.organization},
        "folders.patch": {"displayName": fresh},
        "folders.move": {"destinationParent": victim.organization},
        "liens.create": LIEN | {"parent": victim.guarded},
        "projects.create": {"projectId": f"p{fresh}", "parent": parent},
        "projects.patch": {"displayName": "Touched"},
        "projects.update": {"name": "Touched"},
        "projects.move": {"destinationParent": victim.organization},
        "setIamPolicy": {
            "policy": {"bindings": [{"role": "roles/owner", "members": ["user:o@example.test"]}]}
        },
        "testIamPermissions": {"permissions": ["resourcemanager.projects.get"]},
    }
    if "v2.folders.create" in method:
        return {"displayName": fresh}
    return next((body for end, body in bodies.items() if method.endswith(end)), {})


@pytest.fixture
def victim(admin: httpx.Client, universe: Universe) -> Victim:
    return made(admin, universe)


@pytest.fixture(scope="module")
def lasting(admin: httpx.Client, universe: Universe) -> Victim:
    return made(admin, universe)


def made(admin: httpx.Client, universe: Universe) -> Victim:
    fresh, base = uuid.uuid4().hex[:10], "/cloudresourcemanager"
    top = universe.above["organizations"]

    def post(path: str, **body: Any) -> dict[str, Any]:
        answer = admin.post(f"{base}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        done: dict[str, Any] = answer.json()
        return done

    folder = post("v3/folders", displayName=fresh, parent=universe.above["folders"])
    project = post("v3/projects", projectId=f"a{fresh}", parent=top)
    guarded = post("v1/projects", projectId=f"b{fresh}", name=fresh)
    parent = f"projects/{guarded['response']['projectId']}"
    lien = post("v3/liens", **LIEN, parent=parent)
    return Victim(
        top,
        folder["response"]["name"],
        project["response"]["projectId"],
        parent,
        lien["name"],
        {False: folder["name"], True: guarded["name"]},
    )


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "storage") as made:
        yield made


def state(admin: httpx.Client, victim: Victim) -> list[Any]:
    """Return everything that a request could have changed."""
    base, top = "/cloudresourcemanager", {"parent": victim.organization, "showDeleted": "true"}
    return [
        *(admin.get(f"{base}/v3/{noun}", params=top).json() for noun in ("folders", "projects")),
        admin.get(f"{base}/v3/{victim.folder}").json(),
        admin.get(f"{base}/v3/liens", params={"parent": victim.guarded}).json(),
        *(
            admin.post(f"{base}/v3/{name}:getIamPolicy").json()
            for name in (victim.organization, victim.folder, f"projects/{victim.project}")
        ),
    ]


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_wrong_caller_is_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], lasting: Victim, method: str, who: str
) -> None:
    writes = ANSWERED[method].access is Access.WRITE
    before = state(admin, lasting) if writes else []
    answer = ask(callers[who], method, lasting)
    open_to_all = method in RIGHTS_ONLY and who not in {"expired", "wrong audience"}
    if open_to_all or (method in FOUND_ONLY and REFUSED[who] == 403):
        assert answer.status_code == 200, answer.text
        assert lasting.project not in answer.text
        assert lasting.folder not in answer.text
        assert not answer.json().get("permissions")
    else:
        assert answer.status_code == REFUSED[who], answer.text
        error = answer.json()["error"]
        assert error["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
        assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo")
    assert not writes or state(admin, lasting) == before


@pytest.mark.parametrize("method", sorted(ANSWERED))
def test_the_administrator_is_not_refused(admin: httpx.Client, victim: Victim, method: str) -> None:
    if method.endswith(".undelete"):
        deletion = method.replace(".undelete", ".delete")
        assert ask(admin, deletion, victim).status_code == 200
    keep = f"/cloudresourcemanager/v3/{victim.organization}"
    policy = admin.post(f"{keep}:getIamPolicy").json()
    if method.endswith("organizations.setIamPolicy"):
        answer = admin.post(f"{keep}:setIamPolicy", json={"policy": policy})
    else:
        answer = ask(admin, method, victim)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("method", sorted(WIRE.keys() - EVERY.keys() - TAGGED))
def test_what_is_not_answered_says_so_by_name(
    admin: httpx.Client, lasting: Victim, method: str
) -> None:
    path = WIRE[method].path
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        pattern = path[start + 1 : end].partition("=")[2] or "x"
        path = path[:start] + pattern.replace("**", "x").replace("*", "x") + path[end + 1 :]
    answer = admin.request(WIRE[method].verb, f"/cloudresourcemanager/{path}")
    assert answer.status_code == 501, answer.text
    assert method in answer.json()["error"]["message"]
