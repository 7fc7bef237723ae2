"""Tags in conditions: what is granted follows the tags, at once; and binding a tag is granting."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.universe import Universe, created

V3 = "/cloudresourcemanager/v3"


class Tags:
    """A key in the organization with the value `open`, and what tests do with it."""

    def __init__(self, admin: httpx.Client, universe: Universe) -> None:
        self.admin, self.universe = admin, universe
        organization = universe.above["organizations"]
        self.key = self.made("tagKeys", {"parent": organization, "shortName": _fresh("key")})
        self.value = self.made("tagValues", {"parent": self.key["name"], "shortName": "open"})
        self.project = f"//cloudresourcemanager.googleapis.com/projects/{universe.project}"

    def made(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.admin.post(f"{V3}/{noun}", json=body)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()["response"]
        return made

    def bind(self, parent: str) -> str:
        body = {"parent": parent, "tagValue": self.value["name"]}
        return str(self.made("tagBindings", body)["name"])

    def unbind(self, binding: str) -> None:
        answer = self.admin.delete(f"{V3}/{binding}")
        assert answer.status_code == 200, answer.text

    @property
    def by_name(self) -> str:
        return f"resource.matchTag('{self.key['namespacedName']}', 'open')"


def _fresh(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def tags(admin: httpx.Client, universe: Universe) -> Tags:
    return Tags(admin, universe)


@pytest.fixture(scope="module")
def stranger(universe: Universe) -> Iterator[httpx.Client]:
    with universe.caller(universe.token(universe.keys["stranger"])) as caller:
        yield caller


def member(universe: Universe, name: str = "stranger") -> str:
    return f"serviceAccount:{universe.keys[name]['client_email']}"


def grant(admin: httpx.Client, path: str, *bindings: dict[str, Any]) -> None:
    body: dict[str, Any] = {"bindings": list(bindings), "version": 3}
    if path.startswith("/storage/"):
        answer = admin.put(path, json=body)
    else:
        answer = admin.post(f"{path}:setIamPolicy", json={"policy": body})
    assert answer.status_code == 200, answer.text


def bucket_for_readers_if(admin: httpx.Client, universe: Universe, name: str, text: str) -> str:
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    created(admin, universe, name, uniform)
    who, mine = member(universe), f"serviceAccount:{universe.admin_key['client_email']}"
    condition = {"title": "tagged", "expression": text}
    grant(
        admin,
        f"/storage/v1/b/{name}/iam",
        {"role": "roles/storage.objectViewer", "members": [who], "condition": condition},
        {"role": "roles/storage.admin", "members": [mine]},
    )
    return f"//storage.googleapis.com/projects/_/buckets/{name}"


def reads(caller: httpx.Client, name: str) -> bool:
    return caller.get(f"/storage/v1/b/{name}/o").status_code == 200


def test_access_follows_the_tags_of_a_bucket_and_of_its_project(
    admin: httpx.Client, universe: Universe, stranger: httpx.Client, tags: Tags
) -> None:
    name = _fresh("tagged")
    full = bucket_for_readers_if(admin, universe, name, tags.by_name)
    assert not reads(stranger, name)
    for parent in (full, tags.project):
        binding = tags.bind(parent)
        assert reads(stranger, name)
        tags.unbind(binding)
        assert not reads(stranger, name)


def test_a_nearer_value_takes_the_place_of_an_inherited_one(
    admin: httpx.Client, universe: Universe, stranger: httpx.Client, tags: Tags
) -> None:
    name = _fresh("tagged")
    full = bucket_for_readers_if(admin, universe, name, tags.by_name)
    above = tags.bind(tags.project)
    other = tags.made("tagValues", {"parent": tags.key["name"], "shortName": "closed"})
    assert reads(stranger, name)
    tags.made("tagBindings", {"parent": full, "tagValue": other["name"]})
    assert not reads(stranger, name)
    tags.unbind(above)


def test_a_new_bucket_has_no_tags_of_an_old_one_of_its_name(
    admin: httpx.Client, universe: Universe, stranger: httpx.Client, tags: Tags
) -> None:
    name = _fresh("tagged")
    by_id = f"resource.matchTagId('{tags.key['name']}', '{tags.value['name']}')"
    full = bucket_for_readers_if(admin, universe, name, by_id)
    tags.bind(full)
    assert reads(stranger, name)
    assert admin.delete(f"/storage/v1/b/{name}").status_code == 204
    bucket_for_readers_if(admin, universe, name, by_id)
    assert not reads(stranger, name)
    assert admin.delete(f"{V3}/{tags.value['name']}").status_code == 200, "nothing has it"


def test_who_may_not_use_a_value_cannot_bind_it_to_be_let_in(
    admin: httpx.Client, universe: Universe, stranger: httpx.Client, tags: Tags
) -> None:
    """Escalation by tag: the stranger rules a key ring, but its keys' use hangs on a tag."""
    ring, who = _fresh("ring"), member(universe)
    place = f"projects/{universe.project}/locations/{universe.location}"
    path = f"/cloudkms/v1/{place}/keyRings"
    assert admin.post(path, params={"keyRingId": ring}, json={}).status_code == 200
    path = f"{path}/{ring}"
    made = admin.post(
        f"{path}/cryptoKeys",
        params={"cryptoKeyId": "k"},
        json={"purpose": "ENCRYPT_DECRYPT"},
    )
    assert made.status_code == 200, made.text
    user = {"role": "roles/cloudkms.cryptoKeyEncrypter", "members": [who]}
    condition = {"title": "tagged", "expression": tags.by_name}
    grant(
        admin,
        path,
        {"role": "roles/cloudkms.admin", "members": [who]},
        user | {"condition": condition},
    )
    parent = f"//cloudkms.googleapis.com/{place}/keyRings/{ring}"

    def encrypts() -> bool:
        answer = stranger.post(f"{path}/cryptoKeys/k:encrypt", json={"plaintext": "aGk="})
        return answer.status_code == 200

    def binds(to: str = parent) -> int:
        body = {"parent": to, "tagValue": tags.value["name"]}
        return stranger.post(f"{V3}/tagBindings", json=body).status_code

    namespaced = f"{tags.key['namespacedName']}/open"
    body = {"parent": parent, "tagValueNamespacedName": namespaced}
    refused = stranger.post(f"{V3}/tagBindings", json=body)
    assert (refused.status_code, encrypts()) == (403, False)
    assert "resourcemanager.tagValueBindings.create" in refused.text
    assert binds() == 403

    # The right on the value alone binds it to nothing that is not one's own, nor above.
    grant(
        admin,
        f"{V3}/{tags.value['name']}",
        {"role": "roles/resourcemanager.tagUser", "members": [who]},
    )
    assert binds(tags.project) == 403
    assert not encrypts()

    assert binds() == 200
    assert encrypts()
    effective = {"parent": parent}
    told = stranger.get(f"{V3}/effectiveTags", params=effective).json()["effectiveTags"]
    assert tags.value["name"] in [one["tagValue"] for one in told]


def test_a_key_of_a_project_reaches_no_other_project(
    admin: httpx.Client, universe: Universe, tags: Tags
) -> None:
    neighbour = f"{universe.project.partition(':')[0]}:other-one"
    body = {"parent": f"projects/{universe.project}", "shortName": _fresh("key")}
    key = tags.made("tagKeys", body)
    assert key["namespacedName"].startswith(f"{universe.project}/")
    value = tags.made("tagValues", {"parent": key["name"], "shortName": "v"})
    outside = f"//cloudresourcemanager.googleapis.com/projects/{neighbour}"
    asked = {"parent": outside, "tagValue": value["name"]}
    refused = admin.post(f"{V3}/tagBindings", json=asked)
    assert refused.status_code == 400, refused.text
    assert "does not lie" in refused.json()["error"]["message"]
    bound = tags.made("tagBindings", {"parent": tags.project, "tagValue": value["name"]})
    tags.unbind(bound["name"])


@pytest.mark.parametrize(
    ("noun", "body", "field"),
    [
        ("tagKeys", {"shortName": "-a"}, "shortName"),
        ("tagKeys", {"shortName": "a" * 257}, "shortName"),
        ("tagKeys", {}, "shortName"),
        ("tagKeys", {"shortName": "a", "parent": "folders/1"}, "parent"),
        ("tagKeys", {"shortName": "a", "description": "d" * 257}, "description"),
        ("tagKeys", {"shortName": "a", "allowedValuesRegex": "("}, "allowedValuesRegex"),
        ("tagKeys", {"shortName": "a", "purpose": "GCE_FIREWALL"}, "purpose"),
        ("tagKeys", {"shortName": "a", "colour": "red"}, "colour"),
        ("tagBindings", {"parent": "x", "tagValue": ""}, "tagValue"),
    ],
)
def test_bad_input_is_refused_by_its_field(
    admin: httpx.Client, universe: Universe, noun: str, body: dict[str, Any], field: str
) -> None:
    answer = admin.post(f"{V3}/{noun}", json={"parent": universe.above["organizations"]} | body)
    assert answer.status_code == 400, answer.text
    [violation] = answer.json()["error"]["details"][1]["fieldViolations"]
    assert violation["field"] == field


def test_a_value_must_match_its_keys_pattern_and_a_rehearsal_changes_nothing(
    admin: httpx.Client, universe: Universe, tags: Tags
) -> None:
    parent = universe.above["organizations"]
    body = {"parent": parent, "shortName": _fresh("cost"), "allowedValuesRegex": "[0-9]{4}"}
    rehearsed = admin.post(f"{V3}/tagKeys", params={"validateOnly": "true"}, json=body)
    assert rehearsed.status_code == 200, rehearsed.text
    key = tags.made("tagKeys", body)
    wrong = admin.post(f"{V3}/tagValues", json={"parent": key["name"], "shortName": "12345"})
    assert wrong.status_code == 400, wrong.text
    tags.made("tagValues", {"parent": key["name"], "shortName": "1234"})


def test_long_listings_come_in_pages(admin: httpx.Client, tags: Tags) -> None:
    for name in ("b", "a"):
        tags.made("tagValues", {"parent": tags.key["name"], "shortName": name})
    seen, query = list[str](), {"parent": tags.key["name"], "pageSize": "2"}
    while True:
        page = admin.get(f"{V3}/tagValues", params=query).json()
        seen += [one["shortName"] for one in page["tagValues"]]
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
    assert seen == ["a", "b", "open"]
