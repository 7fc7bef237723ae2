"""Folders: names, depth, fan-out, cycles; delete and undelete."""

from __future__ import annotations

import pytest

from rempart.core.errors import Code
from rempart.services.resourcemanager.model import rules
from support.manager import DAY, Manager


async def test_a_new_folder_is_its_creators_in_both_versions() -> None:
    manager = await Manager.start()
    done = await manager.ask("folders.create", {"displayName": "a", "parent": manager.folder})
    assert done["metadata"] == {
        "@type": "type.googleapis.com/google.cloud.resourcemanager.v3.CreateFolderMetadata",
        "displayName": "a",
        "parent": manager.folder,
    }
    name = done["response"]["name"]
    policy = await manager.ask("folders.getIamPolicy", resource=name)
    roles = [one["role"].rpartition(".")[2] for one in policy["bindings"]]
    assert roles == ["folderAdmin", "folderEditor"]
    old = await manager.ask(
        "v2.folders.create", {"displayName": "b"}, query={"parent": manager.folder}
    )
    assert old["metadata"]["operationType"] == "CREATE"
    assert await manager.ask("v1.operations.get", name=old["name"]) == old
    listed = await manager.ask("v2.folders.list", query={"parent": manager.folder})
    assert [one["displayName"] for one in listed["folders"]] == ["a", "b"]
    assert listed["folders"][0]["lifecycleState"] == "ACTIVE"


@pytest.mark.parametrize("name", ["", " a", "a ", "x" * 31, "a/b", "a\n", "-a", "a_"])
async def test_what_a_folder_may_be_called_is_said(name: str) -> None:
    manager = await Manager.start()
    body = {"displayName": name, "parent": manager.folder}
    assert (await manager.refusal("folders.create", body)).field == "displayName"


async def test_siblings_in_use_have_different_names() -> None:
    manager = await Manager.start()
    name = await manager.new_folder("team")
    body = {"displayName": "team", "parent": manager.organization}
    assert await manager.violation("folders.create", body) == "FOLDER_NAME_UNIQUENESS_VIOLATION"
    other = await manager.new_folder("team", manager.folder)
    move = {"destinationParent": manager.organization}
    violation = await manager.violation("folders.move", move, name=other)
    assert violation == "FOLDER_NAME_UNIQUENESS_VIOLATION"
    await manager.ask("folders.delete", name=name)
    await manager.ask("folders.move", move, name=other)
    violation = await manager.violation("folders.undelete", name=name)
    assert violation == "FOLDER_NAME_UNIQUENESS_VIOLATION"
    mask = {"updateMask": "display_name"}
    await manager.ask("folders.patch", {"displayName": "other"}, query=mask, name=other)
    await manager.ask("folders.undelete", name=name)
    violation = await manager.violation(
        "folders.patch", {"displayName": "team"}, query=mask, name=other
    )
    assert violation == "FOLDER_NAME_UNIQUENESS_VIOLATION"


async def test_folders_lie_ten_deep_and_never_in_themselves() -> None:
    manager = await Manager.start()
    chain = [await manager.new_folder("top")]
    for depth in range(2, 11):
        chain.append(await manager.new_folder(f"level {depth}", chain[-1]))
    too_deep = {"displayName": "x", "parent": chain[-1]}
    assert await manager.violation("folders.create", too_deep) == "ACTIVE_FOLDER_HEIGHT_VIOLATION"
    await manager.new_project("deep-one", chain[-1])
    for folder, parent, violation in (
        (chain[0], chain[0], "CYCLE_INTRODUCED_VIOLATION"),
        (chain[0], chain[9], "CYCLE_INTRODUCED_VIOLATION"),
        (chain[2], chain[5], "CYCLE_INTRODUCED_VIOLATION"),
        (chain[0], manager.folder, "ACTIVE_FOLDER_HEIGHT_VIOLATION"),
    ):
        body = {"destinationParent": parent}
        assert await manager.violation("folders.move", body, name=folder) == violation
    await manager.ask("folders.move", {"destinationParent": manager.folder}, name=chain[1])
    assert await manager.ask("folders.get", name=chain[9])


async def test_a_parent_holds_so_many_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules.CHILD_FOLDERS_MAX == 300
    monkeypatch.setattr("rempart.services.resourcemanager.folder_changes.CHILD_FOLDERS_MAX", 3)
    manager = await Manager.start()
    names = [await manager.new_folder(one, manager.folder) for one in "abc"]
    body = {"displayName": "d", "parent": manager.folder}
    assert await manager.violation("folders.create", body) == "MAX_CHILD_FOLDERS_VIOLATION"
    await manager.ask("folders.delete", name=names[0])
    await manager.ask("folders.create", body)
    assert (
        await manager.violation("folders.undelete", name=names[0]) == "MAX_CHILD_FOLDERS_VIOLATION"
    )


async def test_a_move_reads_all_that_moves_and_so_has_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rempart.services.resourcemanager.folder_changes.FOLDERS_MOVED_MAX", 2)
    manager = await Manager.start()
    top = await manager.new_folder("top")
    for one in "abc":
        await manager.new_folder(one, top)
    problem = await manager.refusal("folders.move", {"destinationParent": manager.folder}, name=top)
    assert problem.code is Code.RESOURCE_EXHAUSTED


async def test_only_an_empty_folder_is_deleted_and_it_comes_back_for_thirty_days() -> None:
    manager = await Manager.start()
    name = await manager.new_folder("team")
    project = await manager.new_project("fresh-one", name)
    kind = "FOLDER_TO_DELETE_NON_EMPTY_VIOLATION"
    assert await manager.violation("folders.delete", name=name) == kind
    await manager.ask("projects.delete", name=project)
    done = await manager.ask("v2.folders.delete", name=name)
    assert done["lifecycleState"] == "DELETE_REQUESTED"
    kind = "PARENT_DELETED_VIOLATION"
    assert await manager.violation("projects.undelete", name=project) == kind
    new = {"projectId": "fresh-two", "parent": name}
    assert await manager.violation("projects.create", new) == kind
    await manager.ask("folders.undelete", name=name)
    await manager.ask("projects.undelete", name=project)
    await manager.ask("projects.delete", name=project)
    manager.cloud.clock.advance(1)
    await manager.ask("folders.delete", name=name)
    await manager.pass_time(31 * DAY)
    for method in ("folders.get", "folders.undelete"):
        assert (await manager.refusal(method, name=name)).code is Code.PERMISSION_DENIED


async def test_a_folder_that_is_being_deleted_stays_where_it_is() -> None:
    manager = await Manager.start()
    name = await manager.new_folder("team")
    await manager.ask("folders.delete", name=name)
    body = {"destinationParent": manager.folder}
    assert await manager.violation("folders.move", body, name=name) == "RESOURCE_DELETED_VIOLATION"


async def test_a_move_needs_its_permission_on_both_sides() -> None:
    manager = await Manager.start()
    member, token = await manager.stranger()
    source, target = await manager.new_folder("source"), await manager.new_folder("target")
    name = await manager.new_folder("team", source)
    body = {"destinationParent": target}
    for one, other in ((source, target), (target, source)):
        await manager.grant(one, "roles/resourcemanager.folderMover", member)
        await manager.grant(other, "roles/resourcemanager.folderViewer", member)
        problem = await manager.refusal("folders.move", body, name=name, by=token)
        assert problem.code is Code.PERMISSION_DENIED
    await manager.grant(source, "roles/resourcemanager.folderMover", member)
    await manager.grant(target, "roles/resourcemanager.folderMover", member)
    done = await manager.ask("folders.move", body, name=name, by=token)
    assert done["metadata"]["sourceParent"] == source
