"""Every method of Cloud Logging, by every caller who must not: refused, in vain."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rempart.services.logging import METHODS, STREAMED
from rempart.wire import WireMethod, load
from support.universe import Universe
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {method.id: method for method in load("logging", "v2").methods}
ANSWERED = {str(method.id): method for method in METHODS if method.id != STREAMED}
FILTER = {"filter": "severity>=ERROR"}
POLICY = {
    "policy": {
        "bindings": [{"role": "roles/logging.viewAccessor", "members": ["user:o@example.test"]}]
    }
}
BODIES: dict[str, dict[str, Any]] = {
    "buckets.create": {"retentionDays": 7},
    "buckets.patch": {"description": "changed"},
    "views.create": FILTER,
    "views.patch": {"description": "changed"},
    "setIamPolicy": POLICY,
    "testIamPermissions": {"permissions": ["logging.views.access"]},
    "exclusions.patch": {"description": "changed"},
    "sinks.patch": {"description": "changed"},
}
QUERIES = {
    "buckets.patch": {"updateMask": "description"},
    "views.patch": {"updateMask": "description"},
    "sinks.patch": {"updateMask": "description"},
    "exclusions.patch": {"updateMask": "description"},
}
NAMES = {
    "locations": "locations/global",
    "buckets": "locations/global/buckets/victim",
    "views": "locations/global/buckets/victim/views/victim",
    "sinks": "sinks/victim",
    "exclusions": "exclusions/victim",
    "metrics": "metrics/victim",
    "logs": "logs/victim",
}


def containers(universe: Universe) -> dict[str, str]:
    return {**universe.above, "projects": f"projects/{universe.project}"}


def _path(wire: WireMethod, above: str) -> str:
    """Return a method's path with the victim of its kind in it."""
    if "{" not in wire.path:
        return wire.path
    start, end = wire.path.index("{"), wire.path.index("}")
    pattern = wire.path[start + 1 : end].partition("=")[2]
    nouns = [noun for noun in pattern.split("/")[2:] if noun != "*"]
    name = f"{above}/{NAMES[nouns[-1]]}" if nouns else above
    return wire.path[:start] + name + wire.path[end + 1 :]


def ask(caller: httpx.Client, method: str, universe: Universe) -> httpx.Response:
    wire, noun = WIRE[method], method.split(".")[1]
    above = containers(universe).get(noun, f"projects/{universe.project}")
    end = ".".join(method.split(".")[-2:])
    new = f"n{uuid.uuid4().hex[:8]}"
    target = f"logging.googleapis.com/{above}/locations/global/buckets/victim"
    bodies = {
        **BODIES,
        "entries.list": {"resourceNames": [above]},
        "entries.write": {"entries": [entry(f"{above}/logs/other")]},
        "sinks.create": {"name": new, "destination": target},
        "sinks.update": {"destination": target},
        "exclusions.create": {"name": new, **FILTER},
        "metrics.create": {"name": new, **FILTER},
        "metrics.update": {"name": "victim", **FILTER},
    }
    body = next((one for key, one in bodies.items() if end.endswith(key)), {})
    query = QUERIES.get(end, {})
    query = {"bucketId": new, "viewId": new} if end.endswith("create") else query
    sent = body if wire.verb in {"POST", "PUT", "PATCH"} else None
    return caller.request(wire.verb, f"/logging/{_path(wire, above)}", params=query, json=sent)


def entry(log: str) -> dict[str, Any]:
    return {"logName": log, "resource": {"type": "global"}, "textPayload": "secret"}


def prepare(admin: httpx.Client, universe: Universe) -> None:
    for noun, above in containers(universe).items():
        target = f"logging.googleapis.com/{above}/locations/global/buckets/victim"
        made = [
            ("locations/global/buckets", {"bucketId": "victim"}, {}),
            ("locations/global/buckets/victim/views", {"viewId": "victim"}, FILTER),
            ("sinks", {}, {"name": "victim", "destination": target}),
            ("exclusions", {}, {"name": "victim", **FILTER}),
        ]
        made += [("metrics", {}, {"name": "victim", **FILTER})] if noun == "projects" else []
        for path, query, body in made:
            answer = admin.post(f"/logging/v2/{above}/{path}", params=query, json=body)
            assert answer.status_code in {200, 409}, answer.text
        admin.post(f"/logging/v2/{above}/locations/global/buckets/victim:undelete")
        written = {"entries": [entry(f"{above}/logs/victim")]}
        assert admin.post("/logging/v2/entries:write", json=written).status_code == 200


@pytest.fixture(scope="module")
def victim(admin: httpx.Client, universe: Universe) -> Iterator[Universe]:
    prepare(admin, universe)
    yield universe
    for noun, above in containers(universe).items():
        for kind in ("sinks", "exclusions", *(["metrics"] if noun == "projects" else [])):
            every = admin.get(f"/logging/v2/{above}/{kind}").json().get(kind, ())
            for one in every:
                if not one["name"].startswith("_"):
                    admin.delete(f"/logging/v2/{above}/{kind}/{one['name']}")


def state(admin: httpx.Client, universe: Universe) -> list[Any]:
    view = "locations/global/buckets/victim/views/victim"
    found: list[Any] = []
    for above in containers(universe).values():
        paths = ("locations/-/buckets", "sinks", "exclusions", "metrics", view)
        found += [admin.get(f"/logging/v2/{above}/{path}").json() for path in paths]
        found.append(admin.post(f"/logging/v2/{above}/{view}:getIamPolicy").json())
        asked = {"resourceNames": [above], "filter": "logName:other OR logName:victim"}
        found.append(admin.post("/logging/v2/entries:list", json=asked).json())
    return found


@pytest.mark.parametrize("who", REFUSED)
def test_the_wrong_caller_is_refused_and_nothing_happens(
    admin: httpx.Client, victim: Universe, who: str
) -> None:
    before = state(admin, victim)
    with wrong_callers(victim, "storage") as callers:
        for method in sorted(ANSWERED):
            answer = ask(callers[who], method, victim)
            assert "secret" not in answer.text
            told = method.endswith(("testIamPermissions", "monitoredResourceDescriptors.list"))
            if told and REFUSED[who] == 403:
                assert answer.status_code == 200, (method, answer.text)
                assert not answer.json().get("permissions")
                continue
            if method.endswith("testIamPermissions") and who == "anonymous":
                assert answer.json() == {}
                continue
            assert answer.status_code == REFUSED[who], (method, answer.text)
            error = answer.json()["error"]
            assert error["status"] in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
            assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo")
    assert state(admin, victim) == before


def test_the_administrator_is_not_refused(admin: httpx.Client, victim: Universe) -> None:
    for method in sorted(ANSWERED, key=lambda one: one.endswith("delete")):
        if method.endswith((".undelete", "buckets.delete")):
            continue
        answer = ask(admin, method, victim)
        assert answer.status_code == 200, (method, answer.text)
        if method.endswith("delete"):
            prepare(admin, victim)


def test_a_log_bucket_is_deleted_and_had_back(admin: httpx.Client, victim: Universe) -> None:
    for method in (one for one in sorted(ANSWERED) if one.endswith("buckets.delete")):
        assert ask(admin, method, victim).status_code == 200, method
        back = method.replace("delete", "undelete")
        assert ask(admin, back, victim).status_code == 200, back


@pytest.mark.parametrize("method", sorted(WIRE.keys() - ANSWERED.keys()))
def test_what_is_not_answered_says_so(admin: httpx.Client, victim: Universe, method: str) -> None:
    wire = WIRE[method]
    path = wire.path
    if "{" in path:
        start, end = path.index("{"), path.index("}")
        pattern = path[start + 1 : end].partition("=")[2]
        filled = pattern.replace("projects/*", f"projects/{victim.project}").replace("*", "x")
        filled = filled.replace("x/x", f"projects/{victim.project}", 1)
        path = path[:start] + filled + path[end + 1 :]
    answer = admin.request(wire.verb, f"/logging/{path}")
    assert answer.status_code == 501, answer.text
