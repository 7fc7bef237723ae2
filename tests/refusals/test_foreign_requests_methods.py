"""Every method of the register of orders, by every caller who must not: refused, in vain.

This universe has no staff and so no keepers: the administrator, who may everything else, is refused
like anybody. That keepers are not refused, the register's own tests show.
"""

from __future__ import annotations

import httpx
import pytest

from rempart.services.foreignrequests import METHODS, OWN
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {method.id: method for method in OWN.methods}
ANSWERED = sorted(str(method.id) for method in METHODS)


def ask(caller: httpx.Client, method: str) -> httpx.Response:
    wire = WIRE[method]
    path = wire.path.replace("{id}", "0" * 21)
    return caller.request(
        wire.verb, f"/foreignrequests/{path}", json={} if wire.verb == "POST" else None
    )


def test_every_method_is_answered() -> None:
    assert sorted(WIRE) == ANSWERED


@pytest.mark.parametrize("who", REFUSED)
def test_the_wrong_caller_is_refused(universe: Universe, who: str) -> None:
    with wrong_callers(universe, "storage") as callers:
        for method in ANSWERED:
            answer = ask(callers[who], method)
            assert answer.status_code == REFUSED[who], (method, answer.text)
            assert answer.json()["error"]["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}


def test_an_administrator_who_is_no_keeper_is_refused_too(admin: httpx.Client) -> None:
    for method in ANSWERED:
        answer = ask(admin, method)
        assert (answer.status_code, "[orders]" in answer.text) == (403, True), method
