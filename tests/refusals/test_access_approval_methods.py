"""Every method of Access Approval, by every caller who must not: refused, in vain.

This universe has no staff, so nobody has asked for anything: what names a request is refused before
it is looked for, and the administrator is told that it is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rempart.services.accessapproval import METHODS, OWN
from rempart.wire import load
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

API = "/accessapproval"
GOOGLES = {method.id for method in load("accessapproval", "v1").methods}
WIRE = {method.id: method for method in (*load("accessapproval", "v1").methods, *OWN.methods)}
ANSWERED = {str(method.id): method for method in METHODS}
SETTINGS = {"notificationEmails": ["security@customer.test"]}


def containers(universe: Universe) -> dict[str, str]:
    return {**universe.above, "projects": f"projects/{universe.project}"}


def ask(caller: httpx.Client, method: str, universe: Universe) -> httpx.Response:
    wire = WIRE[method]
    above = containers(universe).get(method.split(".")[1], f"projects/{universe.project}")
    path = wire.path
    if "{" in path:
        start, end = path.index("{"), path.index("}")
        pattern = path[start + 1 : end].partition("=")[2]
        path = path[:start] + above + _rest(pattern) + path[end + 1 :]
    bodies: dict[str, Any] = {
        "PATCH": {"approversNeeded": 0} if "SupportSettings" in method else SETTINGS,
        "POST": {},
    }
    return caller.request(wire.verb, f"{API}/{path}", json=bodies.get(wire.verb))


def _rest(pattern: str) -> str:
    """Return what follows the container in a path's pattern, filled in."""
    return "".join(f"/{one}" for one in pattern.split("/")[2:]).replace("*", "00ff")


def state(admin: httpx.Client, universe: Universe) -> list[Any]:
    """Return everything that a request could have changed."""
    return [
        admin.get(f"{API}/v1/{above}/{noun}").json()
        for above in containers(universe).values()
        for noun in ("accessApprovalSettings", "supportSettings", "approvalRequests?filter=ALL")
    ]


@pytest.fixture(scope="module")
def set_up(admin: httpx.Client, universe: Universe) -> Iterator[Universe]:
    for above in containers(universe).values():
        answer = admin.patch(f"{API}/v1/{above}/accessApprovalSettings", json=SETTINGS)
        assert answer.status_code == 200, answer.text
    yield universe
    for above in containers(universe).values():
        admin.delete(f"{API}/v1/{above}/accessApprovalSettings")


def test_every_method_is_answered() -> None:
    assert WIRE.keys() == ANSWERED.keys()
    assert len(GOOGLES) == 27


@pytest.mark.parametrize("who", REFUSED)
def test_the_wrong_caller_is_refused_and_nothing_happens(
    admin: httpx.Client, set_up: Universe, who: str
) -> None:
    before = state(admin, set_up)
    with wrong_callers(set_up, "storage") as callers:
        for method in sorted(ANSWERED):
            answer = ask(callers[who], method, set_up)
            assert answer.status_code == REFUSED[who], (method, answer.text)
            assert answer.json()["error"]["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
    assert state(admin, set_up) == before


def test_the_administrator_is_not_refused(admin: httpx.Client, set_up: Universe) -> None:
    for method in sorted(ANSWERED, key=lambda name: "delete" in name):
        answer = ask(admin, method, set_up)
        wanted = 404 if "{" in WIRE[method].path and "Requests/" in WIRE[method].path else 200
        if ".supportRequests." in method:
            wanted = 403  # only the operator's staff ask for access
        assert answer.status_code == wanted, (method, answer.text)
