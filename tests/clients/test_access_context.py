"""Access Context Manager by gcloud and by Google's Python client; its perimeters by anybody's.

Everything is about the neighbour's project, so that no other test meets a perimeter.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest

from support.universe import REMPART, Universe, program

ACM = "/accesscontextmanager/v1"
THEIRS = "projects/222222222222"
STORAGE = "storage.googleapis.com"


class Client:
    """Google's generated client, over an HTTP of ours that trusts the universe."""

    def __init__(self, universe: Universe) -> None:
        self.caller = universe.caller(universe.token())
        document = json.loads(get_static_doc("accesscontextmanager", "v1"))
        document["rootUrl"] = f"{universe.url}/accesscontextmanager/"
        self.api: Any = build_from_document(document, http=self, requestBuilder=HttpRequest)

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any
    ) -> tuple[Any, bytes]:
        kept = {name: value for name, value in (headers or {}).items() if name != "accept-encoding"}
        answer = self.caller.request(method, uri, content=body, headers=kept)

        class Response(dict[str, str]):
            status = answer.status_code
            reason = answer.reason_phrase

        return Response(answer.headers), answer.content


@pytest.fixture(scope="module")
def client(universe: Universe) -> Iterator[Client]:
    made = Client(universe)
    yield made
    made.caller.close()


@pytest.fixture
def policy(client: Client, universe: Universe) -> Iterator[str]:
    """Return a fresh access policy of the organization, removed afterwards."""
    body = {"parent": universe.above["organizations"], "title": "all of it"}
    made = client.api.accessPolicies().create(body=body).execute()
    assert made["done"]
    name: str = made["response"]["name"]
    yield name
    client.api.accessPolicies().delete(name=name).execute()


@pytest.fixture(scope="module")
def neighbour(universe: Universe) -> Iterator[httpx.Client]:
    with universe.caller(universe.token(universe.keys["neighbour"])) as caller:
        yield caller


def buckets(neighbour: httpx.Client, universe: Universe, **headers: str) -> httpx.Response:
    project = universe.keys["neighbour"]["project_id"]
    return neighbour.get("/storage/v1/b", params={"project": project}, headers=headers)


def test_gcloud_makes_levels_and_perimeters_and_they_are_enforced(
    universe: Universe, client: Client, policy: str, neighbour: httpx.Client, tmp_path: Any
) -> None:
    number, gcloud = policy.rpartition("/")[2], program("gcloud")

    def acm(*words: str) -> None:
        whole = ("access-context-manager", *words, f"--policy={number}")
        universe.run(gcloud, *whole, cwd=tmp_path)

    (tmp_path / "level.yaml").write_text("- ipSubnetworks: [203.0.113.0/24]\n")
    acm("levels", "create", "far", "--title=far", "--basic-level-spec=level.yaml")
    acm("perimeters", "create", "box", "--title=box", f"--resources={THEIRS}",
        f"--restricted-services={STORAGE}", "--access-levels=far")  # fmt: skip
    refused = buckets(neighbour, universe)
    assert refused.status_code == 403
    assert "vpcServiceControlsUniqueIdentifier: " in refused.json()["error"]["message"]
    change, mask = level(policy, "far"), {"updateMask": "basic.conditions"}
    client.caller.patch(f"{ACM}/{policy}/accessLevels/far", params=mask, json=change)
    assert buckets(neighbour, universe).status_code == 200
    added = "pubsub.googleapis.com"
    acm("perimeters", "dry-run", "update", "box", f"--add-restricted-services={added}")
    acm("perimeters", "dry-run", "enforce", "box")
    described = client.caller.get(f"{ACM}/{policy}/servicePerimeters/box").json()
    assert sorted(described["status"]["restrictedServices"]) == [added, STORAGE]
    assert "spec" not in described
    acm("perimeters", "dry-run", "create", "next", "--perimeter-title=next",
        "--perimeter-type=regular", "--perimeter-access-levels=far",
        f"--perimeter-restricted-services={STORAGE}")  # fmt: skip
    made = client.caller.get(f"{ACM}/{policy}/servicePerimeters/next").json()
    assert (made["title"], made["useExplicitDryRunSpec"], "status" in made) == ("next", True, False)
    assert made["spec"]["accessLevels"] == [f"{policy}/accessLevels/far"]


def test_a_patch_makes_only_a_perimeter_that_it_names_and_whose_maker_may(
    client: Client, universe: Universe, policy: str, neighbour: httpx.Client
) -> None:
    new = f"{ACM}/{policy}/servicePerimeters/new"
    body, mask = {"title": "new"}, {"updateMask": "title,name"}
    assert client.caller.patch(new, params={"updateMask": "title"}, json=body).status_code == 404
    assert client.caller.patch(new, params=mask, json=body).status_code == 400
    other = body | {"name": f"{policy}/servicePerimeters/other"}
    assert client.caller.patch(new, params=mask, json=other).status_code == 400
    verbs = ("get", "list", "update")
    granted = [f"accesscontextmanager.servicePerimeters.{verb}" for verb in verbs]
    above = universe.above["organizations"]
    id_ = f"t{uuid.uuid4().hex[:12]}"
    made = client.caller.post(
        f"/iam/v1/{above}/roles",
        json={"roleId": id_, "role": {"title": "makes none", "includedPermissions": granted}},
    ).json()
    member = f"serviceAccount:{universe.keys['neighbour']['client_email']}"
    binding = {"role": made["name"], "members": [member]}
    set_ = client.caller.post(
        f"{ACM}/{policy}:setIamPolicy", json={"policy": {"bindings": [binding]}}
    )
    assert set_.status_code == 200, set_.text
    named = body | {"name": f"{policy}/servicePerimeters/new"}
    refused = neighbour.patch(new, params=mask, json=named)
    assert refused.status_code == 403
    assert "accesscontextmanager.servicePerimeters.create" in refused.text
    assert client.caller.patch(new, params=mask, json=named).status_code == 200
    assert neighbour.patch(new, params=mask, json=named | {"title": "it"}).status_code == 200
    client.caller.delete(f"/iam/v1/{made['name']}")


def test_rempart_says_which_perimeter_refuses_to_those_who_may_read_perimeters(
    client: Client, universe: Universe, policy: str, neighbour: httpx.Client
) -> None:
    perimeters = client.api.accessPolicies().servicePerimeters()
    client.api.accessPolicies().accessLevels().create(parent=policy, body=level(policy)).execute()
    box = perimeter(policy, accessLevels=[f"{policy}/accessLevels/near"])
    perimeters.create(parent=policy, body=box).execute()
    who = universe.keys["neighbour"]["client_email"]
    place = f"projects/{universe.keys['neighbour']['project_id']}"

    def why(*words: str) -> tuple[int, str]:
        told = universe.run(
            REMPART, "why", "--data", universe.data, who, "storage.buckets.list", place, *words,
            code=None,
        )  # fmt: skip
        return told.returncode, told.stdout

    inside, outside = why("--from", "127.0.0.1"), why("--from", "198.51.100.1", "--json")
    assert inside[0] == 0, inside
    assert outside[0] == 1
    answer = json.loads(outside[1])
    [refusal] = answer["otherRefusals"]
    assert (answer["overallAccessState"], refusal["guard"]) == (
        "CANNOT_ACCESS",
        "VPC Service Controls",
    )
    assert f"The perimeter {policy}/servicePerimeters/box" in refusal["message"]
    assert f"{policy}/accessLevels/near (does not hold)" in refusal["message"]
    code, said = why()
    assert code == 1
    assert said.startswith("Not known")
    assert "name it with --from" in said
    access = {
        "principal": who,
        "permission": "storage.buckets.list",
        "fullResourceName": f"//cloudresourcemanager.googleapis.com/{place}",
    }
    mine = neighbour.post(
        "/policytroubleshooter/v3/iam:troubleshoot", json={"accessTuple": access}
    ).json()
    assert mine["overallAccessState"] == "UNKNOWN_INFO"
    assert "box" not in json.dumps(mine)


def level(policy: str, id_: str = "near", **more: Any) -> dict[str, Any]:
    condition = {"ipSubnetworks": ["127.0.0.0/8"]}
    basic = {"basic": {"conditions": [condition]}}
    return {"name": f"{policy}/accessLevels/{id_}", "title": id_} | basic | more


def perimeter(policy: str, id_: str = "box", **config: Any) -> dict[str, Any]:
    status = {"resources": [THEIRS], "restrictedServices": [STORAGE]} | config
    return {"name": f"{policy}/servicePerimeters/{id_}", "title": id_, "status": status}


def test_the_python_client_reads_back_what_it_wrote(client: Client, policy: str) -> None:
    policies = client.api.accessPolicies()
    levels, perimeters = policies.accessLevels(), policies.servicePerimeters()
    levels.create(parent=policy, body=level(policy)).execute()
    found = levels.get(name=f"{policy}/accessLevels/near").execute()
    assert found == level(policy)
    rule = {
        "ingressFrom": {
            "identityType": "ANY_IDENTITY",
            "sources": [{"accessLevel": f"{policy}/accessLevels/near"}],
        },
        "ingressTo": {
            "resources": ["*"],
            "operations": [
                {
                    "serviceName": STORAGE,
                    "methodSelectors": [{"method": "google.storage.buckets.list"}],
                }
            ],
        },
    }
    body = perimeter(policy, ingressPolicies=[rule])
    operation = perimeters.create(parent=policy, body=body).execute()
    assert client.api.operations().get(name=operation["name"]).execute() == operation
    stored = perimeters.get(name=body["name"]).execute()
    assert stored.pop("etag")
    assert stored == body
    mask = "title,status.restrictedServices,status.vpcAccessibleServices.enableRestriction"
    change = {"title": "new", "status": {"vpcAccessibleServices": {"enableRestriction": True}}}
    perimeters.patch(name=body["name"], updateMask=mask, body=change).execute()
    stored = perimeters.get(name=body["name"]).execute()
    assert stored["title"] == "new"
    assert "restrictedServices" not in stored["status"]
    assert stored["status"]["ingressPolicies"] == [rule]
    assert stored["status"]["vpcAccessibleServices"] == {"enableRestriction": True}
    with pytest.raises(HttpError, match="still referred to"):
        levels.delete(name=found["name"]).execute()


def test_all_are_replaced_or_committed_at_once_and_only_on_the_version_that_was_read(
    client: Client, policy: str
) -> None:
    policies = client.api.accessPolicies()
    levels, perimeters = policies.accessLevels(), policies.servicePerimeters()
    etag = policies.get(name=policy).execute()["etag"]
    both = {"accessLevels": [level(policy), level(policy, "other")], "etag": etag}
    levels.replaceAll(parent=policy, body=both).execute()
    with pytest.raises(HttpError) as stale:
        levels.replaceAll(parent=policy, body=both).execute()
    assert stale.value.status_code == 409
    page = levels.list(parent=policy, pageSize=1).execute()
    following = levels.list_next(levels.list(parent=policy, pageSize=1), page).execute()
    names = [one["title"] for answer in (page, following) for one in answer["accessLevels"]]
    assert names == ["near", "other"]
    dry = perimeter(policy) | {"useExplicitDryRunSpec": True, "spec": {"resources": [THEIRS]}}
    perimeters.replaceAll(parent=policy, body={"servicePerimeters": [dry]}).execute()
    committed = perimeters.commit(parent=policy, body={}).execute()["response"]
    [stored] = committed["servicePerimeters"]
    assert stored["status"] == {"resources": [THEIRS]}
    assert "spec" not in stored


def test_of_many_writers_who_read_the_same_version_one_wins(client: Client, policy: str) -> None:
    etag = client.api.accessPolicies().get(name=policy).execute()["etag"]

    def write(number: int) -> int:
        body = {"accessLevels": [level(policy, f"by_{number}")], "etag": etag}
        path = f"{ACM}/{policy}/accessLevels:replaceAll"
        return client.caller.post(path, json=body).status_code

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(write, range(64)))
    assert sorted(codes) == [200, *[409] * 63]
    listed = client.api.accessPolicies().accessLevels().list(parent=policy).execute()
    [only] = listed["accessLevels"]
    assert only["title"] == f"by_{codes.index(200)}"


WRONG: list[tuple[str, Callable[[str], dict[str, Any]], str]] = [
    ("accessLevels", lambda p: level(p, "1st"), "name"),
    ("accessLevels", lambda p: level(p) | {"name": "accessPolicies/1/accessLevels/x"}, "name"),
    ("accessLevels", lambda p: level(p) | {"basic": {}}, "basic.conditions"),
    ("accessLevels", lambda p: level(p, custom={"expr": {"expression": "true"}}), "basic"),
    ("accessLevels", lambda p: level(p) | {"basic": {"conditions": [{}]}}, "basic.conditions[0]"),
    *(
        ("accessLevels", lambda p, c=condition: level(p) | {"basic": {"conditions": [c]}}, field)
        for condition, field in (
            ({"ipSubnetworks": ["10.0.0.1/8"]}, "basic.conditions[0].ipSubnetworks"),
            ({"ipSubnetworks": ["10.0.0.0/8"] * 201}, "basic.conditions[0].ipSubnetworks"),
            ({"regions": ["France"]}, "basic.conditions[0].regions"),
            ({"members": ["group:all@example.test"]}, "basic.conditions[0].members"),
            ({"requiredAccessLevels": ["x"]}, "basic.conditions[0].requiredAccessLevels"),
            ({"devicePolicy": {"requireScreenlock": True}}, "basic.conditions[0].devicePolicy"),
        )
    ),
    (
        "accessLevels",
        lambda p: {
            "name": f"{p}/accessLevels/c",
            "custom": {"expr": {"expression": "device.encryption_status == 1"}},
        },
        "custom.expr.expression",
    ),
    ("servicePerimeters", lambda p: perimeter(p, resources=["projects/1"]), "status.resources"),
    ("servicePerimeters", lambda p: perimeter(p, resources=["projects/abc"]), "status.resources"),
    (
        "servicePerimeters",
        lambda p: perimeter(p, restrictedServices=["storage"]),
        "status.restrictedServices",
    ),
    ("servicePerimeters", lambda p: perimeter(p, accessLevels=["x"]), "status.accessLevels"),
    ("servicePerimeters", lambda p: perimeter(p) | {"spec": {}}, "spec"),
    (
        "servicePerimeters",
        lambda p: perimeter(p) | {"perimeterType": "PERIMETER_TYPE_BRIDGE"},
        "status",
    ),
    (
        "servicePerimeters",
        lambda p: perimeter(p, vpcAccessibleServices={"allowedServices": [STORAGE]}),
        "status.vpcAccessibleServices.allowedServices",
    ),
    *(
        (
            "servicePerimeters",
            lambda p, r=rule: perimeter(p, ingressPolicies=[r]),
            f"status.ingressPolicies[0].{field}",
        )
        for rule, field in (
            ({"ingressFrom": {"identities": ["group:a@b.test"]}}, "ingressFrom.identities"),
            ({"ingressFrom": {"identities": ["everybody"]}}, "ingressFrom.identities"),
            ({"ingressFrom": {"sources": [{}]}}, "ingressFrom.sources"),
            ({"ingressTo": {"roles": ["roles/none"]}}, "ingressTo.roles"),
            ({"ingressTo": {"operations": [{"serviceName": STORAGE}]}},
             "ingressTo.operations.methodSelectors"),
            ({"title": "t" * 101}, "title"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("noun", "body", "field"), WRONG)
def test_what_makes_no_sense_is_refused_by_the_name_of_the_field(
    client: Client, policy: str, noun: str, body: Callable[[str], dict[str, Any]], field: str
) -> None:
    answer = client.caller.post(f"{ACM}/{policy}/{noun}", json=body(policy))
    assert answer.status_code == 400, answer.text
    violations = answer.json()["error"]["details"][1]["fieldViolations"]
    assert violations[0]["field"] == field


def test_what_is_not_offered_says_so_by_name(client: Client, policy: str) -> None:
    condition = {"vpcNetworkSources": [{"vpcSubnetwork": {"network": "n"}}]}
    body = level(policy) | {"basic": {"conditions": [condition]}}
    answer = client.caller.post(f"{ACM}/{policy}/accessLevels", json=body)
    assert answer.status_code == 501
    assert "Condition.vpcNetworkSources" in answer.json()["error"]["message"]


@pytest.mark.parametrize("mask", ["", "nothing", "basic.nothing", "basic.conditions.members"])
def test_an_update_mask_names_fields(client: Client, policy: str, mask: str) -> None:
    client.api.accessPolicies().accessLevels().create(parent=policy, body=level(policy)).execute()
    path = f"{ACM}/{policy}/accessLevels/near"
    answer = client.caller.patch(path, params={"updateMask": mask}, json=level(policy))
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][1]["fieldViolations"][0]["field"] == "updateMask"


def test_a_level_is_shown_as_it_was_given(client: Client, policy: str) -> None:
    query = {"accessLevelFormat": "CEL"}
    answer = client.caller.get(f"{ACM}/{policy}/accessLevels", params=query)
    assert answer.status_code == 400


def test_levels_do_not_go_in_circles(client: Client, policy: str) -> None:
    levels = client.api.accessPolicies().accessLevels()
    levels.create(parent=policy, body=level(policy)).execute()
    needs = {"requiredAccessLevels": [f"{policy}/accessLevels/near"]}
    second = level(policy, "second") | {"basic": {"conditions": [needs]}}
    levels.create(parent=policy, body=second).execute()
    back = {"requiredAccessLevels": [f"{policy}/accessLevels/second"]}
    change = {"basic": {"conditions": [back]}}
    with pytest.raises(HttpError, match="require itself"):
        levels.patch(
            name=f"{policy}/accessLevels/near", updateMask="basic.conditions", body=change
        ).execute()


def test_a_project_is_in_one_regular_perimeter_and_a_scope_has_one_policy(
    client: Client, policy: str, universe: Universe
) -> None:
    perimeters = client.api.accessPolicies().servicePerimeters()
    perimeters.create(parent=policy, body=perimeter(policy, restrictedServices=[])).execute()
    with pytest.raises(HttpError, match="one regular perimeter at most"):
        perimeters.create(parent=policy, body=perimeter(policy, "second")).execute()
    body = {"parent": universe.above["organizations"], "title": "again"}
    with pytest.raises(HttpError) as taken:
        client.api.accessPolicies().create(body=body).execute()
    assert taken.value.status_code == 409
    folder = universe.above["folders"]
    scoped = client.api.accessPolicies().create(body=body | {"scopes": [folder]}).execute()
    name = scoped["response"]["name"]
    with pytest.raises(HttpError, match="not in the scope"):
        perimeters.create(parent=name, body=perimeter(name)).execute()
    client.api.accessPolicies().delete(name=name).execute()


def test_a_role_on_a_policy_reaches_no_further(
    client: Client, policy: str, universe: Universe
) -> None:
    stranger = universe.keys["stranger"]["client_email"]
    role = {"role": "roles/accesscontextmanager.policyReader",
            "members": [f"serviceAccount:{stranger}"]}  # fmt: skip
    policies = client.api.accessPolicies()
    policies.setIamPolicy(resource=policy, body={"policy": {"bindings": [role]}}).execute()
    with universe.caller(universe.token(universe.keys["stranger"])) as caller:
        assert caller.get(f"{ACM}/{policy}/accessLevels").status_code == 200
        answer = caller.post(f"{ACM}/{policy}/accessLevels", json=level(policy))
        assert answer.status_code == 403
        parent = {"parent": universe.above["organizations"]}
        assert caller.get(f"{ACM}/accessPolicies", params=parent).status_code == 403


def test_a_copy_out_of_a_perimeter_is_refused_to_those_whom_iam_allows(
    client: Client, policy: str, universe: Universe, neighbour: httpx.Client, admin: httpx.Client
) -> None:
    names = [f"acm-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    mine = universe.keys["neighbour"]["project_id"]
    where = {"location": universe.location}
    made = neighbour.post(
        "/storage/v1/b", params={"project": mine}, json=where | {"name": names[0]}
    )
    assert made.status_code == 200
    made = admin.post(
        "/storage/v1/b", params={"project": universe.project}, json=where | {"name": names[1]}
    )
    email = universe.keys["neighbour"]["client_email"]
    binding = {"role": "roles/storage.objectAdmin", "members": [f"serviceAccount:{email}"]}
    given = admin.put(f"/storage/v1/b/{names[1]}/iam", json={"bindings": [binding]})
    assert given.status_code == 200, given.text
    media = {"uploadType": "media", "name": "o"}
    neighbour.post(f"/upload/storage/v1/b/{names[0]}/o", params=media, content=b"x")
    copy = f"/storage/v1/b/{names[0]}/o/o/copyTo/b/{names[1]}/o/o"
    assert neighbour.post(copy, json={}).status_code == 200
    client.api.accessPolicies().accessLevels().create(parent=policy, body=level(policy)).execute()
    body = perimeter(policy, accessLevels=[f"{policy}/accessLevels/near"])
    perimeters = client.api.accessPolicies().servicePerimeters()
    perimeters.create(parent=policy, body=body).execute()
    read = neighbour.get(f"/storage/v1/b/{names[0]}/o/o", params={"alt": "media"})
    assert read.content == b"x"
    refused = neighbour.post(copy, json={})
    assert refused.status_code == 403
    assert "vpcServiceControlsUniqueIdentifier" in refused.text


def test_the_header_of_a_proxy_restricts_by_organization(
    universe: Universe, neighbour: httpx.Client
) -> None:
    def header(organization: str) -> str:
        said = json.dumps({"resources": [organization], "options": "strict"})
        return base64.urlsafe_b64encode(said.encode()).decode()

    own = header(universe.above["organizations"])
    name = "x-goog-allowed-resources"
    assert buckets(neighbour, universe, **{name: own}).status_code == 200
    assert buckets(neighbour, universe, **{name: header("organizations/1")}).status_code == 403
    assert buckets(neighbour, universe, **{name: "nonsense"}).status_code == 400
    # A part of a batch cannot put the proxy's word for the whole in other words.
    project = universe.keys["neighbour"]["project_id"]
    part = f"GET /storage/v1/b?project={project} HTTP/1.1\r\n{name}: {own}\r\n\r\n"
    batch = f"--x\r\ncontent-type: application/http\r\n\r\n{part}\r\n--x--\r\n"
    sent = {"content-type": "multipart/mixed; boundary=x", name: header("organizations/1")}
    answer = neighbour.post("/batch/storage/v1", content=batch.encode(), headers=sent)
    assert "HTTP/1.1 403" in answer.text
    sent[name] = own
    answer = neighbour.post("/batch/storage/v1", content=batch.encode(), headers=sent)
    assert "HTTP/1.1 200" in answer.text


def test_which_perimeter_holds_a_project_can_be_looked_up(client: Client, policy: str) -> None:
    perimeters = client.api.accessPolicies().servicePerimeters()
    body = perimeter(policy, restrictedServices=[]) | {"useExplicitDryRunSpec": True}
    perimeters.create(parent=policy, body=body).execute()
    found = client.api.projects().lookupConfiguredServicePerimeter(resource=THEIRS).execute()
    assert found == {"servicePerimeter": body["name"], "restrictedResource": THEIRS}
    permissions = client.api.permissions().list(pageSize=1000).execute()["supportedPermissions"]
    assert "storage.objects.get" in permissions


def test_supported_services_are_those_of_the_universe(client: Client) -> None:
    listed = client.api.services().list().execute()["supportedServices"]
    assert STORAGE in {one["name"] for one in listed}
    assert client.api.services().get(name=STORAGE).execute()["name"] == STORAGE


def test_a_service_account_is_held_to_the_level_that_it_is_bound_to(
    client: Client, policy: str, universe: Universe, neighbour: httpx.Client
) -> None:
    levels = client.api.accessPolicies().accessLevels()
    far = {"basic": {"conditions": [{"ipSubnetworks": ["203.0.113.0/24"]}]}}
    levels.create(parent=policy, body=level(policy) | far).execute()
    bindings = client.api.organizations().gcpUserAccessBindings()
    number = {"serviceAccountProjectNumber": "222222222222"}
    body = {"principal": number, "accessLevels": [f"{policy}/accessLevels/near"]}
    made = bindings.create(parent=universe.above["organizations"], body=body).execute()
    name = made["response"]["name"]
    try:
        refused = buckets(neighbour, universe)
        assert refused.status_code == 403
        assert "access level" in refused.json()["error"]["message"]
        near = {"updateMask": "basic"}
        client.caller.patch(f"{ACM}/{policy}/accessLevels/near", params=near, json=level(policy))
        assert buckets(neighbour, universe).status_code == 200
    finally:
        bindings.delete(name=name).execute()
    group = {"groupKey": "01d520gv4vjcrht", "accessLevels": [f"{policy}/accessLevels/near"]}
    with pytest.raises(HttpError, match="A group is not offered"):
        bindings.create(parent=universe.above["organizations"], body=group).execute()
