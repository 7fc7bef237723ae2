"""`gcloud org-policies` as it comes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from support.universe import Universe, program

UNIFORM = "storage.uniformBucketLevelAccess"
OrgPolicies = Callable[..., str]


@pytest.fixture(autouse=True)
def restored(universe: Universe, admin: httpx.Client) -> Iterator[None]:
    """Take away every policy that a test has set: others share the universe."""
    yield
    for above in (*universe.above.values(), f"projects/{universe.project}"):
        for policy in admin.get(f"/orgpolicy/v2/{above}/policies").json().get("policies", ()):
            admin.delete(f"/orgpolicy/v2/{policy['name']}")


@pytest.fixture
def organization(universe: Universe) -> str:
    return universe.above["organizations"]


@pytest.fixture
def gcloud(universe: Universe, tmp_path: Path) -> OrgPolicies:
    """Return a function that runs `gcloud org-policies …` and returns what it prints."""
    command = program("gcloud")

    def run(*words: str) -> str:
        return universe.run(command, "org-policies", *words, cwd=tmp_path).stdout

    return run


def test_gcloud_sets_describes_resets_and_deletes(
    gcloud: OrgPolicies,
    universe: Universe,
    organization: str,
    admin: httpx.Client,
    name: str,
    tmp_path: Path,
) -> None:
    number = organization.partition("/")[2]
    file = tmp_path / "policy.yaml"
    file.write_text(
        f"name: {organization}/policies/{UNIFORM}\nspec:\n  rules:\n  - enforce: true\n"
    )
    gcloud("set-policy", str(file))
    effective = gcloud(
        "describe", UNIFORM, f"--project={universe.project}", "--effective", "--format=json"
    )
    assert json.loads(effective)["spec"]["rules"] == [{"enforce": True}]
    listed = json.loads(gcloud("list", f"--organization={number}", "--format=json"))
    assert [one["constraint"] for one in listed] == [UNIFORM]
    gcloud("reset", UNIFORM, f"--project={universe.project}")
    body = {"name": name, "location": universe.location}
    made = admin.post("/storage/v1/b", params={"project": universe.project}, json=body)
    assert made.status_code == 200, made.text
    gcloud("delete", UNIFORM, f"--project={universe.project}")
    body["name"] = f"{name}-2"
    made = admin.post("/storage/v1/b", params={"project": universe.project}, json=body)
    assert made.status_code == 412, made.text


def test_gcloud_defines_custom_constraints(
    gcloud: OrgPolicies, admin: httpx.Client, organization: str, tmp_path: Path
) -> None:
    id_ = f"custom.c{uuid.uuid4().hex[:8]}"
    file = tmp_path / "constraint.yaml"
    file.write_text(
        f"name: {organization}/customConstraints/{id_}\n"
        "resourceTypes:\n- storage.googleapis.com/Bucket\n"
        "methodTypes:\n- CREATE\n- UPDATE\n"
        'condition: "resource.versioning.enabled == true"\n'
        "actionType: ALLOW\ndisplayName: Versions are kept.\n"
    )
    gcloud("set-custom-constraint", str(file))
    name = f"/orgpolicy/v2/{organization}/customConstraints/{id_}"
    assert admin.get(name).json()["methodTypes"] == ["CREATE", "UPDATE"]
    assert admin.delete(name).status_code == 200
