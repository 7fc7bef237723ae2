"""Every method that is answered, by every caller who must not: refused, in Google's shape, in vain.

The list is generated from the table of methods, the requests from Google's description of them. A
method that needs a parameter or a body which is not said below fails here until it is said. The
same requests, made by the administrator, succeed: so it is the caller who is refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from typing_extensions import override

from rempart.services.storage import METHODS
from rempart.wire import WireMethod, load
from support.universe import Universe, created
from support.wrong_callers import REFUSED, wrong_callers

WIRE = {method.id: method for method in load("storage", "v1").methods}
ANSWERED = {str(method.id): method for method in METHODS}
ENTITY = "user-friend@example.test"


@dataclass(frozen=True)
class Victim:
    """Resources of the administrator that a refused request is aimed at."""

    bucket: str
    project: str
    location: str
    metageneration: str
    access_id: str
    robot: str


Values = Callable[[Victim], str]
PARAMETERS: dict[str, Values] = {
    "bucket": lambda victim: victim.bucket,
    "sourceBucket": lambda victim: victim.bucket,
    "destinationBucket": lambda victim: victim.bucket,
    "object": lambda _: "dir/object",
    "sourceObject": lambda _: "dir/object",
    "destinationObject": lambda _: "dir/another",
    "managedFolder": lambda _: "dir/",
    "entity": lambda _: ENTITY,
    "project": lambda victim: victim.project,
    "projectId": lambda victim: victim.project,
    "accessId": lambda victim: victim.access_id,
    "serviceAccountEmail": lambda victim: victim.robot,
    "ifMetagenerationMatch": lambda victim: victim.metageneration,
    "permissions": lambda _: "storage.objects.get",
}
"""A value for each parameter that some method insists on."""

NEW_ENTRY = {"entity": "user-other@example.test", "role": "READER"}
GRANT = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
BODIES: dict[str, Callable[[Victim], dict[str, Any]]] = {
    "buckets.insert": lambda victim: {"name": f"{victim.bucket}-2", "location": victim.location},
    "buckets.patch": lambda _: {"labels": {"touched": "yes"}},
    "buckets.update": lambda _: {"labels": {"touched": "yes"}},
    "buckets.setIamPolicy": lambda _: GRANT,
    "bucketAccessControls.insert": lambda _: NEW_ENTRY,
    "bucketAccessControls.patch": lambda _: {"role": "OWNER"},
    "bucketAccessControls.update": lambda _: {"role": "OWNER"},
    "defaultObjectAccessControls.insert": lambda _: NEW_ENTRY,
    "defaultObjectAccessControls.patch": lambda _: {"role": "OWNER"},
    "defaultObjectAccessControls.update": lambda _: {"role": "OWNER"},
    "objectAccessControls.insert": lambda _: NEW_ENTRY,
    "objectAccessControls.patch": lambda _: {"role": "OWNER"},
    "objectAccessControls.update": lambda _: {"role": "OWNER"},
    "managedFolders.insert": lambda _: {"name": "fresh/"},
    "managedFolders.setIamPolicy": lambda _: GRANT,
    "objects.insert": lambda _: {"name": "dir/new"},
    "objects.patch": lambda _: {"metadata": {"touched": "yes"}},
    "objects.update": lambda _: {"metadata": {"touched": "yes"}},
    "objects.compose": lambda _: {"sourceObjects": [{"name": "dir/object"}]},
    "objects.copy": lambda _: {},
    "objects.rewrite": lambda _: {},
    "projects.hmacKeys.update": lambda _: {"state": "INACTIVE"},
}
"""A body for each method that takes one."""


@dataclass(frozen=True)
class Variant:
    """One way to ask for a method: a path template, and more query or content."""

    method: str
    way: str = ""
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None

    @override
    def __str__(self) -> str:
        return self.method.removeprefix("storage.") + (f" ({self.way})" if self.way else "")


def variants() -> Iterator[Variant]:
    for name in sorted(ANSWERED):
        wire = WIRE[name]
        if wire.upload:
            named = {"name": "dir/new"}
            yield Variant(name, "media", wire.upload, {"uploadType": "media"} | named, b"x")
            for path in (wire.upload, wire.resumable):
                yield Variant(name, path[:9], path, {"uploadType": "resumable"} | named)
            continue
        yield Variant(name)
        if wire.media:
            yield Variant(name, "media", query={"alt": "media"})
        if wire.download:
            yield Variant(name, "download", wire.download, {"alt": "media"})


def ask(caller: httpx.Client, variant: Variant, victim: Victim) -> httpx.Response:
    """Make the request that a variant is, as this caller."""
    wire = WIRE[variant.method]
    required = [parameter for parameter in wire.parameters if parameter.required]
    values = {one.name: PARAMETERS[one.name](victim) for one in required}
    path = "/" + (variant.path or wire.path)
    for one in required:
        path = path.replace(f"{{{one.name}}}", quote(values[one.name], safe=""))
    query = {one.name: values[one.name] for one in required if one.location == "query"}
    json, content = body(wire, victim), variant.content
    request = caller.build_request(
        wire.verb,
        "/",
        params=None,
        json=json if content is None else None,
        content=content,
    )
    text = "&".join(f"{key}={quote(value)}" for key, value in (query | variant.query).items())
    request.extensions["target"] = f"{path}?{text}".encode() if text else path.encode()
    return caller.send(request)


def body(wire: WireMethod, victim: Victim) -> dict[str, Any] | None:
    return BODIES[wire.id.removeprefix("storage.")](victim) if wire.request else None


def new_victim(admin: httpx.Client, universe: Universe) -> Victim:
    """Make one of everything that a method can be asked about."""
    bucket = created(admin, universe, f"victim-{uuid.uuid4().hex[:12]}")
    base, entry = f"/storage/v1/b/{bucket}", {"entity": ENTITY, "role": "READER"}
    uploaded = admin.post(
        f"/upload{base}/o",
        params={"uploadType": "media", "name": "dir/object"},
        content=b"the secret",
    )
    robot = universe.admin_key["client_email"]
    keys = f"/storage/v1/projects/{universe.project}/hmacKeys"
    key = admin.post(keys, params={"serviceAccountEmail": robot})
    for made in (
        uploaded,
        key,
        admin.post(f"{base}/acl", json=entry),
        admin.post(f"{base}/defaultObjectAcl", json=entry),
        admin.post(f"{base}/o/dir%2Fobject/acl", json=entry),
    ):
        assert made.status_code == 200, made.text
    now = admin.get(base).json()
    return Victim(
        bucket,
        universe.project,
        universe.location,
        now["metageneration"],
        key.json()["metadata"]["accessId"],
        robot,
    )


def state(admin: httpx.Client, victim: Victim) -> list[Any]:
    """Return everything that a request could have changed."""
    base = f"/storage/v1/b/{victim.bucket}"
    project = {"project": victim.project}
    full = {"projection": "full"}
    return [
        admin.get(base, params=full).json(),
        admin.get(f"{base}/iam").json(),
        admin.get(f"{base}/o", params=full | {"versions": "true"}).json(),
        admin.get(f"{base}/managedFolders").json(),
        [one["id"] for one in admin.get("/storage/v1/b", params=project).json()["items"]],
        admin.get(f"/storage/v1/projects/{victim.project}/hmacKeys").json(),
        admin.get(f"{base}/o/dir%2Fobject", params={"alt": "media"}).content,
    ]


@pytest.fixture(scope="module")
def callers(universe: Universe) -> Iterator[dict[str, httpx.Client]]:
    with wrong_callers(universe, "cloudkms") as made:
        yield made


@pytest.fixture(scope="module")
def victim(admin: httpx.Client, universe: Universe) -> Victim:
    """Return one victim for all refusals: none of them changes it."""
    return new_victim(admin, universe)


@pytest.mark.parametrize("variant", list(variants()), ids=str)
def test_the_wrong_callers_are_refused_and_nothing_happens(
    admin: httpx.Client, callers: dict[str, httpx.Client], victim: Victim, variant: Variant
) -> None:
    before = state(admin, victim)
    for who in REFUSED:
        refused(callers[who], variant, victim, who)
    # To read it all takes longer than to be refused: once for all of them.
    assert state(admin, victim) == before


def refused(caller: httpx.Client, variant: Variant, victim: Victim, who: str) -> None:
    answer = ask(caller, variant, victim)
    assert b"the secret" not in answer.content
    if ANSWERED[variant.method].public and who not in {"expired", "wrong audience"}:
        assert answer.status_code == 200, answer.text
        assert not answer.json().get("permissions")
    else:
        assert answer.status_code == REFUSED[who], answer.text
        error = answer.json()["error"]
        assert error["code"] == REFUSED[who]
        assert error["message"]
        assert error["errors"][0]["domain"] == "global"
        assert error["errors"][0]["reason"]
        if REFUSED[who] == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "location" not in answer.headers


SUCCESS = {200, 204}


@pytest.mark.parametrize("variant", list(variants()), ids=str)
def test_the_administrator_may(admin: httpx.Client, universe: Universe, variant: Variant) -> None:
    own = new_victim(admin, universe)
    prepare(admin, own, variant.method)
    base = f"/storage/v1/b/{own.bucket}"
    metageneration = admin.get(base).json()["metageneration"]
    own = Victim(own.bucket, own.project, own.location, metageneration, own.access_id, own.robot)
    answer = ask(admin, variant, own)
    assert answer.status_code in SUCCESS, answer.text
    if ANSWERED[variant.method].public:
        assert answer.json()["permissions"] == ["storage.objects.get"]


def prepare(admin: httpx.Client, own: Victim, method: str) -> None:
    """Bring the resources into the state that the method asks for."""
    base, name = f"/storage/v1/b/{own.bucket}", method.removeprefix("storage.")
    steps: list[httpx.Response] = []
    if name == "buckets.delete":
        steps = [admin.delete(f"{base}/o/dir%2Fobject")]
    elif name == "buckets.lockRetentionPolicy":
        policy = {"retentionPolicy": {"retentionPeriod": "1"}}
        steps = [admin.patch(base, json=policy)]
    elif name.startswith("managedFolders."):
        uniform_access = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
        steps = [
            admin.patch(base, json=uniform_access),
            admin.delete(f"{base}/o/dir%2Fobject"),
            admin.post(f"{base}/managedFolders", json={"name": "dir/"}),
        ]
    elif name == "objects.move":
        uniform_access = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
        steps = [admin.patch(base, json=uniform_access)]
    elif name == "projects.hmacKeys.delete":
        keys = f"/storage/v1/projects/{own.project}/hmacKeys/{own.access_id}"
        steps = [admin.put(keys, json={"state": "INACTIVE"})]
    for step in steps:
        assert step.status_code in SUCCESS, step.text


@pytest.mark.parametrize("verb", ["copyTo", "rewriteTo"])
@pytest.mark.parametrize("direction", ["out", "in"])
def test_a_copy_needs_a_right_at_both_ends(
    admin: httpx.Client,
    universe: Universe,
    callers: dict[str, httpx.Client],
    victim: Victim,
    verb: str,
    direction: str,
) -> None:
    """The neighbour may do anything in a bucket of its own, and nothing to the victim's."""
    neighbour = callers["other project"]
    own = f"own-{uuid.uuid4().hex[:12]}"
    project = universe.keys["neighbour"]["project_id"]
    body = {"name": own, "location": universe.location}
    assert neighbour.post("/storage/v1/b", params={"project": project}, json=body).is_success
    uploaded = neighbour.post(
        f"/upload/storage/v1/b/{own}/o",
        params={"uploadType": "media", "name": "mine"},
        content=b"mine",
    )
    assert uploaded.is_success
    source, target = f"b/{own}/o/mine", f"b/{victim.bucket}/o/planted"
    if direction == "out":
        source, target = f"b/{victim.bucket}/o/dir%2Fobject", f"b/{own}/o/stolen"
    before = state(admin, victim)
    answer = neighbour.post(f"/storage/v1/{source}/{verb}/{target}", json={})
    assert answer.status_code == 403, answer.text
    assert state(admin, victim) == before
    listed = neighbour.get(f"/storage/v1/b/{own}/o").json()["items"]
    assert [item["name"] for item in listed] == ["mine"]


@pytest.mark.parametrize("name", sorted(WIRE.keys() - ANSWERED.keys()))
def test_what_is_not_answered_says_so_by_name(admin: httpx.Client, name: str) -> None:
    wire = WIRE[name]
    path = "/" + wire.path
    for parameter in wire.parameters:
        path = path.replace(f"{{{parameter.name}}}", "some-name")
    answer = admin.request(wire.verb, path, json={} if wire.request else None)
    assert answer.status_code == 501, answer.text
    assert answer.json()["error"]["errors"][0]["reason"] == "notImplemented"
    assert name in answer.json()["error"]["message"]
