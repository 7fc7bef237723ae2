"""Projects: what is created, changed, moved, deleted, had back, and gone."""

from __future__ import annotations

from support.manager import DAY, Manager


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
    old = await manager.ask("v1.projects.get", projectId="lab:fresh-one")
    assert old["projectNumber"] == number
    assert old["parent"]["type"] == "organization"


async def test_a_deleted_project_comes_back_within_thirty_days_and_never_after() -> None:
    manager = await Manager.start()
    name = await manager.new_project("fresh-one")
    done = await manager.ask("projects.delete", name=name)
    assert done["response"]["state"] == "DELETE_REQUESTED"
    await manager.pass_time(29 * DAY)
    await manager.ask("projects.undelete", name=name)
    await manager.pass_time(29 * DAY)
    assert (await manager.ask("projects.get", name=name))["state"] == "ACTIVE"
    await manager.ask("projects.delete", name=name)
    await manager.pass_time(31 * DAY)
    assert (await manager.refusal("projects.undelete", name=name)).code.name == "PERMISSION_DENIED"
