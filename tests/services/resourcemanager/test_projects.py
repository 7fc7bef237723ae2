"""Projects: what is created, changed, moved, deleted, had back, and gone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError, Code
from rempart.services.resourcemanager.model import rules
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.hierarchy import PROJECTS, State
from rempart.trust.witness.leaf import FEED, decode
from support.entries import last_entry
from support.manager import DAY, Manager

LIEN = {"restrictions": ["resourcemanager.projects.delete"], "reason": "billing", "origin": "me"}


async def test_a_new_project_is_its_creators_and_found_by_id_and_number() -> None:
    manager = await Manager.start()
    name = await manager.new_project("fresh-one")
    number = name.removeprefix("projects/")
    assert len(number) == 12
    for asked in (name, "projects/lab:fresh-one"):
        found = await manager.ask("projects.get", name=asked)
        assert (found["projectId"], found["name"]) == ("lab:fresh-one", name)
    policy = await manager.ask("projects.getIamPolicy", resource=name)
    assert [one["role"] for one in policy["bindings"]] == ["roles/owner"]
    for asked in ("lab:fresh-one", number):
        old = await manager.ask("v1.projects.get", projectId=asked)
        assert (old["projectNumber"], old["parent"]["type"]) == (number, "organization")
    chain = await manager.ask("v1.projects.getAncestry", projectId=number)
    assert [one["resourceId"]["type"] for one in chain["ancestor"]] == ["project", "organization"]


async def test_nobody_becomes_an_owner_whom_a_duty_keeps_from_it() -> None:
    creator, owner = "roles/resourcemanager.projectCreator", frozenset(("roles/owner",))
    manager = await Manager.start(Duty("makers-own-nothing", frozenset((creator,)), owner))
    member, token = await manager.stranger()
    folder = await manager.new_folder("theirs")
    await manager.grant(folder, creator, member)
    new = {"projectId": "lab:fresh-one", "parent": folder}
    problem = await manager.refusal("projects.create", new, by=token)
    assert problem.info is not None
    assert problem.info.reason == "SEPARATION_OF_DUTIES"


async def test_a_project_without_a_parent_goes_to_the_only_organization() -> None:
    manager = await Manager.start()
    done = await manager.ask("v1.projects.create", {"projectId": "lab:fresh-one", "name": "Fresh"})
    assert done["name"].startswith("operations/cp.")
    assert done["metadata"] == {
        "@type": "type.googleapis.com/google.cloudresourcemanager.v1.ProjectCreationStatus",
        "createTime": done["response"]["createTime"],
        "gettable": True,
        "ready": True,
    }
    assert done["response"]["@type"].endswith("google.cloudresourcemanager.v1.Project")
    assert done["response"]["parent"]["id"] == manager.organization.partition("/")[2]
    assert await manager.ask("v1.operations.get", name=done["name"]) == done
    # What one version of the API did, another does not tell: gRPC would not know its messages.
    assert (await manager.refusal("operations.get", name=done["name"])).status == 403


async def test_a_project_that_is_named_by_its_id_is_called_by_it() -> None:
    """As gcloud asks where no name was said: the id stands for the name, prefix and all."""
    manager = await Manager.start()
    long = "lab:" + "x" * 30
    done = await manager.ask("v1.projects.create", {"projectId": long, "name": long})
    assert (done["response"]["projectId"], done["response"]["name"]) == (long, "x" * 30)


async def test_an_operation_is_shown_to_nobody_else() -> None:
    manager = await Manager.start()
    done = await manager.ask("projects.create", {"projectId": "fresh-one"})
    _, token = await manager.stranger()
    for name in (done["name"], "operations/cp.1", "operations/x", "operations/cp." + "9" * 40):
        assert (await manager.refusal("operations.get", name=name, by=token)).status == 403


@given(st.text(alphabet="abz09-:L_ é", max_size=34))
def test_an_id_is_googles_behind_the_universes_prefix(asked: str) -> None:
    bare = asked.removeprefix("lab:")
    good = (
        6 <= len(bare) <= 30
        and set(bare) <= set("abz09-")
        and bare[0].isalpha()
        and not bare.endswith("-")
    )
    if good:
        assert rules.project_id(asked, "lab") == f"lab:{bare}"
    else:
        with pytest.raises(CloudError) as problem:
            rules.project_id(asked, "lab")
        assert problem.value.field == "projectId"


async def test_what_a_project_may_be_called_and_labelled_is_said() -> None:
    manager = await Manager.start()
    for field, value in (
        ("displayName", "abc"),
        ("displayName", "x" * 31),
        ("displayName", "a/bcd"),
        ("labels", {"Upper": "x"}),
        ("parent", "projects/lab:demo"),
        ("parent", "folders/x"),
        ("tags", {"a": "b"}),
    ):
        body = {"projectId": "fresh-one", field: value}
        problem = await manager.refusal("projects.create", body)
        assert (problem.code, (problem.field or "").partition(".")[0]) == (
            Code.INVALID_ARGUMENT,
            field,
        )
    unknown = await manager.refusal("projects.create", {"projectId": "fresh-one", "colour": "red"})
    assert unknown.field == "colour"
    absent = {"projectId": "fresh-one", "parent": "folders/1"}
    assert (await manager.refusal("projects.create", absent)).code is Code.PERMISSION_DENIED


async def test_a_change_needs_the_state_that_the_caller_has_seen() -> None:
    manager = await Manager.start()
    name = await manager.new_project("fresh-one")
    seen = await manager.ask("projects.get", name=name)
    manager.cloud.clock.advance(1)
    change = {"displayName": "Other name", "etag": seen["etag"]}
    done = await manager.ask(
        "projects.patch", change, query={"updateMask": "displayName"}, name=name
    )
    assert done["response"]["displayName"] == "Other name"
    assert done["response"]["updateTime"] > seen["updateTime"]
    problem = await manager.refusal("projects.patch", change, name=name)
    assert problem.code is Code.ABORTED
    masked = {"query": {"updateMask": "parent"}, "name": name}
    assert (await manager.refusal("projects.patch", {}, **masked)).field == "updateMask"
    put = {"projectId": "lab:fresh-one", "name": "Third name", "labels": {"a": "b"}}
    old = await manager.ask("v1.projects.update", put, projectId="lab:fresh-one")
    assert (old["name"], old["labels"]) == ("Third name", {"a": "b"})
    renamed = put | {"projectId": "lab:other-id"}
    problem = await manager.refusal("v1.projects.update", renamed, projectId="lab:fresh-one")
    assert problem.field == "projectId"


async def test_a_move_needs_its_permission_on_both_sides() -> None:
    manager = await Manager.start()
    member, token = await manager.stranger()
    source, target = await manager.new_folder("source"), await manager.new_folder("target")
    name = await manager.new_project("fresh-one", source)
    body = {"destinationParent": target}
    for granted in ((name,), (name, source), (name, target)):
        for at in (name, source, target):
            members = (member,) if at in granted else ()
            await manager.grant(at, "roles/resourcemanager.projectMover", *members)
        problem = await manager.refusal("projects.move", body, name=name, by=token)
        assert problem.code is Code.PERMISSION_DENIED
        v1 = {"projectId": "lab:fresh-one", "parent": {"type": "folder", "id": target[8:]}}
        problem = await manager.refusal(
            "v1.projects.update", v1, projectId="lab:fresh-one", by=token
        )
        assert problem.code is Code.PERMISSION_DENIED
    await manager.grant(source, "roles/resourcemanager.projectMover", member)
    done = await manager.ask("projects.move", body, name=name, by=token)
    assert done["response"]["parent"] == target
    assert done["metadata"]["@type"].endswith("v3.MoveProjectMetadata")
    for parent, held in ((source, 0), (target, 1)):
        listed = await manager.ask("projects.list", query={"parent": parent})
        assert len(listed.get("projects", [])) == held


async def test_a_lien_stops_a_deletion_until_it_is_taken_away() -> None:
    manager = await Manager.start()
    name = await manager.new_project("fresh-one")
    lien = await manager.ask("liens.create", LIEN | {"parent": "projects/lab:fresh-one"})
    assert lien["name"].startswith(f"liens/p{name.removeprefix('projects/')}-l")
    assert lien["parent"] == name
    assert await manager.violation("projects.delete", name=name) == "LIEN"
    assert await manager.violation("v1.projects.delete", projectId="lab:fresh-one") == "LIEN"
    assert await manager.ask("v1.liens.list", query={"parent": name}) == {"liens": [lien]}
    assert await manager.ask("liens.get", name=lien["name"]) == lien
    await manager.ask("liens.delete", name=lien["name"])
    assert (await manager.refusal("liens.get", name=lien["name"])).code is Code.NOT_FOUND
    await manager.ask("projects.delete", name=name)
    problem = await manager.refusal("liens.create", LIEN | {"parent": name})
    assert problem.code is Code.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("restrictions", []),
        ("restrictions", ["resourcemanager.projects.get"]),
        ("reason", ""),
        ("origin", "x" * 201),
        ("parent", "folders/1"),
    ],
)
async def test_a_lien_says_what_it_forbids_and_why(field: str, value: object) -> None:
    manager = await Manager.start()
    body = LIEN | {"parent": "projects/lab:demo", field: value}
    assert (await manager.refusal("liens.create", body)).field == field


async def test_liens_have_pages_and_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rempart.services.resourcemanager.api.liens.LIENS_PER_PROJECT_MAX", 3)
    manager, parent = await Manager.start(), "projects/lab:demo"
    made = [await manager.ask("liens.create", LIEN | {"parent": parent}) for _ in range(3)]
    problem = await manager.refusal("liens.create", LIEN | {"parent": parent})
    assert problem.code is Code.RESOURCE_EXHAUSTED
    query, seen = {"parent": parent, "pageSize": "2"}, []
    first = await manager.ask("liens.list", query=query)
    rest = await manager.ask("liens.list", query=query | {"pageToken": first["nextPageToken"]})
    seen = [one["name"] for one in (*first["liens"], *rest["liens"])]
    assert seen == sorted(one["name"] for one in made)
    assert "nextPageToken" not in rest


async def test_a_deleted_project_comes_back_within_thirty_days_and_never_after() -> None:
    manager = await Manager.start()
    name = await manager.new_project("fresh-one")
    done = await manager.ask("projects.delete", name=name)
    assert done["response"]["state"] == "DELETE_REQUESTED"
    assert done["response"]["deleteTime"]
    again = await manager.refusal("projects.delete", name=name)
    assert again.code is Code.FAILED_PRECONDITION
    changed = await manager.refusal("projects.patch", {"displayName": "Dead"}, name=name)
    assert changed.code is Code.FAILED_PRECONDITION
    await manager.pass_time(29 * DAY)
    done = await manager.ask("projects.undelete", name=name)
    assert "deleteTime" not in done["response"]
    await manager.pass_time(29 * DAY)
    assert (await manager.ask("projects.get", name=name))["state"] == "ACTIVE"
    await manager.ask("v1.projects.delete", projectId="lab:fresh-one")
    assert await manager.ask("projects.list", query={"parent": manager.organization}) == {}
    query = {"parent": manager.organization, "showDeleted": "true"}
    assert len((await manager.ask("projects.list", query=query))["projects"]) == 1
    await manager.pass_time(31 * DAY)
    for method in ("projects.get", "projects.undelete", "projects.getIamPolicy"):
        for gone in (name, "projects/lab:fresh-one"):
            problem = await manager.refusal(method, name=gone)
            assert problem.code is Code.PERMISSION_DENIED
    assert await manager.ask("projects.list", query=query) == {}
    again = await manager.refusal("projects.create", {"projectId": "fresh-one"})
    assert again.code is Code.ALREADY_EXISTS
    entries = await manager.cloud.parts.sealed.entries(FEED, 0, limit=1000)
    leaves = [decode(one.content) for one in entries]
    assert "cloudresourcemanager.projects.purge" in [one.method for one in leaves]


async def test_what_lies_in_a_deleted_project_is_out_of_reach_and_then_gone() -> None:
    manager = await Manager.start()
    await manager.cloud.put("secret.txt", b"x")
    await manager.ask("projects.delete", name="projects/lab:demo")
    read = {"query": {"alt": "media"}, "object": "secret.txt"}
    assert (await manager.refusal("storage.objects.get", **read)).status == 403
    await manager.ask("projects.undelete", name="projects/lab:demo")
    assert await manager.cloud.read("secret.txt") == b"x"
    await manager.ask("projects.delete", name="projects/lab:demo")
    await manager.pass_time(31 * DAY)
    assert (await manager.refusal("storage.objects.get", **read)).status == 403


async def test_nothing_comes_from_a_parent_that_is_not_there() -> None:
    manager = await Manager.start()
    member, token = await manager.stranger()
    name = await manager.new_project("fresh-one", manager.folder)
    await manager.grant(manager.folder, "roles/viewer", member)
    assert await manager.ask("projects.get", name=name, by=token)
    tx = manager.cloud.parts.sealed.transaction()
    project = await tx.get(PROJECTS, "lab:fresh-one")
    assert project is not None
    lost = replace(project, parent="folders/999", state=State.DELETE_REQUESTED)
    tx.put(PROJECTS, "lab:fresh-one", value=lost)
    await tx.commit()
    assert (await manager.refusal("projects.get", name=name, by=token)).status == 403
    # Its owner cannot have it back either: what was denied above is not known any more.
    assert (await manager.refusal("projects.undelete", name=name)).status == 403


async def test_everyone_is_no_member_of_a_project() -> None:
    manager = await Manager.start()
    for everyone in ("allUsers", "allAuthenticatedUsers"):
        policy = {"bindings": [{"role": "roles/viewer", "members": [everyone]}]}
        for name in ("projects/lab:demo", manager.folder, manager.organization):
            method = f"{name.partition('/')[0]}.setIamPolicy"
            problem = await manager.refusal(method, {"policy": policy}, resource=name)
            assert problem.field == "policy.bindings[0].members"


async def test_the_log_tells_what_was_done_to_which_project() -> None:
    manager = await Manager.start()
    name = await manager.new_project("fresh-one")
    entries = await manager.cloud.parts.sealed.entries(FEED, 0, limit=1000)
    leaf = decode(entries[-1].content)
    assert (leaf.method, leaf.facts["project"]) == (
        "cloudresourcemanager.projects.create",
        "lab:fresh-one",
    )
    assert leaf.facts["number"] == name.removeprefix("projects/")
    assert leaf.facts["sensitivity"] == ""
    members = [f"user:u{number:02}@example.test" for number in range(25)]
    await manager.grant(name, "roles/viewer", *members)
    entries = await manager.cloud.parts.sealed.entries(FEED, 0, limit=1000)
    facts = decode(entries[-1].content).facts
    [taken, given] = json.loads(facts["policyDelta"])["bindingDeltas"]
    assert (taken["action"], taken["role"]) == ("REMOVE", "roles/owner")
    assert taken["members"][0].startswith("serviceAccount:administrator@")
    assert given == {"action": "ADD", "role": "roles/viewer", "members": members}
    assert facts["auditConfigs"] == ""


async def test_the_log_tells_since_when_reads_are_on_record() -> None:
    manager = await Manager.start()
    name = await manager.new_project("fresh-one")
    labels = {"labels": {"rempart-sensitivity": "restreint"}}
    await manager.ask("projects.patch", labels, query={"updateMask": "labels"}, name=name)
    told = (await last_entry(manager.cloud.parts.sealed)).facts
    assert (told["project"], told["sensitivity"]) == ("lab:fresh-one", "restricted")
    logs = [{"logType": "DATA_READ", "exemptedMembers": ["user:a@example.test"]}]
    audited = [{"service": "allServices", "auditLogConfigs": [*logs, {"logType": "DATA_WRITE"}]}]
    request = {"policy": {"auditConfigs": audited}, "updateMask": "auditConfigs"}
    await manager.ask("projects.setIamPolicy", request, resource=name)
    told = (await last_entry(manager.cloud.parts.sealed)).facts
    assert told["auditConfigs"] == "allServices DATA_READ except 1, allServices DATA_WRITE"


async def test_what_policy_is_asked_about_is_what_is_acted_on() -> None:
    manager = await Manager.start()
    # v1 has the bare id in its path; decoded, it may look like any name.
    for odd in (manager.folder, manager.organization, "a/b", "", "projects/lab:demo"):
        for method, parameter in (("get", "projectId"), ("getIamPolicy", "resource")):
            problem = await manager.refusal(f"v1.projects.{method}", **{parameter: odd})
            assert problem.code is Code.PERMISSION_DENIED
