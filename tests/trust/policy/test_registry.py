"""The index of the hierarchy: there from the founding, and in universes older than it."""

from __future__ import annotations

import pytest

from rempart.engine.seam import EngineError
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy import registry
from rempart.trust.policy.hierarchy import PROJECTS
from rempart.trust.policy.registry import KIN, NAMES, by_id, fill, find_project
from support.cloud_kms import Kms
from support.cloud_storage import Cloud as Universe
from support.clouds import Cloud
from support.manager import Manager


async def test_a_universe_older_than_the_index_gets_it_at_its_start() -> None:
    cloud = await Cloud().build()
    sealed = cloud.sealed
    assert await find_project(sealed.transaction(), "11") is None
    await fill(sealed)
    for number, id_ in (("11", "lab:demo"), ("12", "lab:other")):
        found = await find_project(sealed.transaction(), number)
        assert found is not None
        assert found.id == id_
    assert (await registry.in_use(sealed.transaction(), "organizations/1")) == registry.Kin(1, 1)
    assert await registry.sibling(sealed.transaction(), "folders/2", "low") == "3"
    await fill(sealed)
    assert (await registry.in_use(sealed.transaction(), "organizations/1")) == registry.Kin(1, 1)


async def test_filling_that_was_cut_short_counts_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "FILLED_AT_ONCE", 1)
    cloud = await Cloud().build()
    commit = SealedEngine.commit
    for allowed in range(6):
        left = allowed

        async def commits(self: SealedEngine, *batch: object) -> object:
            nonlocal left
            if not left:
                raise EngineError("killed")
            left -= 1
            return await commit(self, *batch)  # type: ignore[arg-type]  # handed on as it is

        monkeypatch.setattr(SealedEngine, "commit", commits)
        try:
            await fill(cloud.sealed)
        except EngineError:
            continue
        finally:
            monkeypatch.setattr(SealedEngine, "commit", commit)
    tx = cloud.sealed.transaction()
    assert await registry.in_use(tx, "organizations/1") == registry.Kin(1, 1)
    assert await registry.in_use(tx, "folders/2") == registry.Kin(1, 0)
    assert await registry.in_use(tx, "folders/3") == registry.Kin(0, 1)


async def test_a_number_in_a_name_becomes_the_id_and_nothing_else_changes() -> None:
    universe = await Universe.start()
    sealed = universe.parts.sealed
    [project] = await sealed.scan(PROJECTS, PROJECTS.under(), limit=2)
    number = project.value.number
    for name, expected in (
        (f"projects/{number}", "projects/lab:demo"),
        (f"projects/{number}/locations/x", "projects/lab:demo/locations/x"),
        ("projects/1/locations/x", "projects/1/locations/x"),
        ("projects/lab:demo", "projects/lab:demo"),
        ("projects/1a", "projects/1a"),
        (f"folders/{number}", f"folders/{number}"),
    ):
        assert await by_id(sealed, {"name": name}) == {"name": expected}
        assert await by_id(sealed, {"object": name}) == {"object": name}


async def test_every_api_takes_a_project_by_its_number() -> None:
    manager = await Manager.start()
    project = await manager.ask("projects.get", name="projects/lab:demo")
    kms = Kms(manager.cloud)
    place = f"{project['name']}/locations/u-here1"
    await kms.ask("keyRings.create", parent=place, query={"keyRingId": "ring"})
    ring = await kms.ask("keyRings.get", name=f"{place}/keyRings/ring")
    assert ring["name"] == "projects/lab:demo/locations/u-here1/keyRings/ring"
    account = await manager.ask(
        "storage.projects.serviceAccount.get", projectId=project["name"].partition("/")[2]
    )
    assert account["email_address"].startswith("service-")


def test_the_index_is_two_kinds_of_document() -> None:
    assert (NAMES.tag, KIN.tag) == (b"B", b"C")
