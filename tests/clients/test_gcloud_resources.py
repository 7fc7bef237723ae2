"""`gcloud projects`, `organizations` and `resource-manager`: what lies in what, and its tags."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support.universe import Universe, program

Gcloud = Callable[..., str]


def fresh() -> str:
    return f"g-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def gcloud(universe: Universe) -> Gcloud:
    """Return a function that runs gcloud and returns what it prints, as JSON where it can be."""
    path = program("gcloud")

    def run(*words: str, code: int = 0) -> str:
        done = universe.run(path, *words, code=code)
        return done.stdout if code == 0 else done.stderr

    return run


def read(gcloud: Gcloud, *words: str) -> Any:
    return json.loads(gcloud(*words, "--format=json"))


def test_gcloud_projects_and_liens(gcloud: Gcloud, universe: Universe, admin: httpx.Client) -> None:
    id_ = fresh()
    project = f"{universe.project.partition(':')[0]}:{id_}"
    folder = universe.above["folders"].partition("/")[2]
    gcloud("projects", "create", id_, f"--folder={folder}", "--name=My lab", "--labels=a=b")
    gcloud("projects", "update", project, "--name=Your lab")
    [shown] = read(gcloud, "projects", "list", f"--filter=name='Your lab' AND projectId:{project}")
    assert (shown["projectId"], shown["labels"]) == (project, {"a": "b"})
    chain = read(gcloud, "projects", "get-ancestors", project)
    assert [one["type"] for one in chain] == ["project", "folder", "organization"]
    member = f"--member=serviceAccount:{universe.keys['stranger']['client_email']}"
    granting = ("projects", "add-iam-policy-binding", project, member, "--role=roles/viewer")
    for nobody, said in (
        (member.replace("stranger@", "stranegr@"), "INVALID_ARGUMENT: Service account stranegr@"),
        ("--member=group:all@example.test", "INVALID_ARGUMENT: Group all@example.test does not"),
    ):
        told = gcloud(*granting[:3], nobody, *granting[4:], code=1)
        assert said in told
        assert "does not exist" in told
    policy = read(gcloud, *granting)
    assert {one["role"] for one in policy["bindings"]} == {"roles/owner", "roles/viewer"}
    liens = ("alpha", "resource-manager", "liens")
    words = ("--restrictions=resourcemanager.projects.delete", "--reason=billing", "--origin=me")
    gcloud(*liens, "create", f"--project={project}", *words)
    assert "A lien to prevent deletion" in gcloud("projects", "delete", project, code=1)
    [lien] = read(gcloud, *liens, "list", f"--project={project}")
    gcloud(*liens, "delete", lien["name"].partition("/")[2])
    gcloud("projects", "delete", project)
    shown = admin.get(f"/cloudresourcemanager/v3/projects/{project}").json()
    assert shown["state"] == "DELETE_REQUESTED"


def test_gcloud_organizations_and_folders(
    gcloud: Gcloud, universe: Universe, admin: httpx.Client
) -> None:
    folders, organization = ("resource-manager", "folders"), universe.above["organizations"]
    assert [one["name"] for one in read(gcloud, "organizations", "list")] == [organization]
    name = fresh()
    at = f"--organization={organization.partition('/')[2]}"
    gcloud(*folders, "create", f"--display-name={name}", at)
    listed = read(gcloud, *folders, "list", at)
    [folder] = [one["name"].partition("/")[2] for one in listed if one["displayName"] == name]
    parent = universe.above["folders"].partition("/")[2]
    gcloud(*folders, "move", folder, f"--folder={parent}")
    gcloud(*folders, "delete", folder)
    shown = admin.get(f"/cloudresourcemanager/v3/folders/{folder}").json()
    assert (shown["parent"], shown["state"]) == (universe.above["folders"], "DELETE_REQUESTED")


def test_gcloud_makes_and_binds_tags(
    gcloud: Gcloud, universe: Universe, admin: httpx.Client
) -> None:
    tags, short = ("resource-manager", "tags"), fresh()
    organization = universe.above["organizations"]
    namespaced = f"{organization.partition('/')[2]}/{short}"
    gcloud(*tags, "keys", "create", short, f"--parent={organization}")
    created = read(gcloud, *tags, "values", "create", "red", f"--parent={namespaced}")
    full = f"//cloudresourcemanager.googleapis.com/{universe.above['folders']}"
    parent = f"--parent={full}"
    gcloud(*tags, "bindings", "create", parent, f"--tag-value={namespaced}/red")
    listed = read(gcloud, *tags, "bindings", "list", parent, "--effective")
    assert created["name"] in [one["tagValue"] for one in listed]
    removed = (f"--resource-name={full}", f"--remove-tags={namespaced}")
    gcloud("alpha", *tags, "bindings", "update", *removed)
    bound = admin.get("/cloudresourcemanager/v3/tagBindings", params={"parent": full})
    assert created["name"] not in bound.text


def test_gcloud_does_not_take_away_the_last_administrator(
    gcloud: Gcloud, universe: Universe
) -> None:
    organization = universe.above["organizations"].partition("/")[2]
    role = "roles/resourcemanager.organizationAdmin"
    before = read(gcloud, "organizations", "get-iam-policy", organization)
    mine = f"serviceAccount:{universe.admin_key['client_email']}"
    found = [one for one in before["bindings"] if one["role"] == role and "condition" not in one]
    assert [one["members"] for one in found] == [[mine]]
    told = gcloud(
        *("organizations", "remove-iam-policy-binding", organization, "--condition=None"),
        *(f"--member={mine}", f"--role={role}"),
        code=1,
    )
    assert "FAILED_PRECONDITION: The policy would leave nobody who can change it" in told
    assert read(gcloud, "organizations", "get-iam-policy", organization) == before
