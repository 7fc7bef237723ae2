"""Many changes at once: what each alone may not do, two together may not either."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rempart.core.errors import CloudError, Code
from rempart.engine.seam import Key
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    FOLDERS_DEEP_MAX,
    PROJECTS,
    Folder,
    Project,
    State,
)
from rempart.trust.policy.registry import KIN, NAMES, Kin
from support.manager import Manager

WRITERS = 64


async def test_no_policy_change_of_64_at_once_is_lost() -> None:
    manager = await Manager.racing()
    name = "projects/lab:demo"

    async def add(member: str) -> None:
        """Read, change and write, until nobody came between: as every client does."""
        while True:
            policy = await manager.ask("projects.getIamPolicy", resource=name)
            binding = {"role": "roles/viewer", "members": [member]}
            policy["bindings"] = [*policy.get("bindings", []), binding]
            try:
                await manager.ask("projects.setIamPolicy", {"policy": policy}, resource=name)
            except CloudError as problem:
                assert problem.code is Code.ABORTED  # noqa: PT017 - the loser of a race tries again
            else:
                return

    members = [f"user:u{number}@example.test" for number in range(WRITERS)]
    await asyncio.gather(*map(add, members))
    policy = await manager.ask("projects.getIamPolicy", resource=name)
    [viewers] = [one for one in policy["bindings"] if one["role"] == "roles/viewer"]
    assert set(viewers["members"]) == set(members)


async def test_an_id_is_given_once_however_many_ask() -> None:
    manager = await Manager.racing()
    asked = [manager.ask("projects.create", {"projectId": "fresh-one"}) for _ in range(16)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    kinds = Counter(one.code if isinstance(one, CloudError) else "made" for one in done)
    assert kinds == {"made": 1, Code.ALREADY_EXISTS: 15}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            ("move", "delete", "undelete", "create", "rename", "place", "drop", "back")
        ),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    min_size=2,
    max_size=10,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHANGES, st.integers(0, 7))
def test_whatever_happens_at_once_leaves_a_tree(
    changes: list[tuple[str, int, int]], shape: int
) -> None:
    asyncio.run(_all_at_once(changes, shape))


async def _all_at_once(changes: list[tuple[str, int, int]], shape: int) -> None:
    manager = await Manager.racing()
    folders = [await manager.new_folder("f0")]
    for number in range(1, 6):
        parent = folders[-1] if shape % 3 == 0 else folders[(number * shape) % len(folders)]
        folders.append(await manager.new_folder(f"f{number}", parent))
    projects = [await manager.new_project(f"project-{n}", folders[n * 2]) for n in range(3)]

    def change(kind: str, one: int, other: int) -> Any:
        folder, project, parent = folders[one], projects[one % 3], folders[other]
        to = {"destinationParent": parent}
        mask = {"updateMask": "displayName"}
        every: dict[str, Callable[[], Any]] = {
            "move": lambda: manager.ask("folders.move", to, name=folder),
            "delete": lambda: manager.ask("folders.delete", name=folder),
            "undelete": lambda: manager.ask("folders.undelete", name=folder),
            "create": lambda: manager.new_folder(f"new {other}", folder),
            "rename": lambda: manager.ask(
                "folders.patch", {"displayName": f"f{other}"}, query=mask, name=folder
            ),
            "place": lambda: manager.ask("projects.move", to, name=project),
            "drop": lambda: manager.ask("projects.delete", name=project),
            "back": lambda: manager.ask("projects.undelete", name=project),
        }
        return every[kind]()

    done = await asyncio.gather(*(change(*one) for one in changes), return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            assert isinstance(one, CloudError), one
            assert one.code in {Code.FAILED_PRECONDITION, Code.ABORTED}, one.message
    await check_hierarchy(manager.cloud.parts.sealed)


STEPS = 16
"""By how many turns one call goes ahead of another: more than the calls below have waits."""


async def both(one: Any, other: Any, ahead: int) -> int:
    """Do two things at once, the first some turns ahead, or behind; return how many were done."""

    async def after(turns: int, call: Any) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await call

    calls = (after(max(0, -ahead), one), after(max(0, ahead), other))
    done = await asyncio.gather(*calls, return_exceptions=True)
    for problem in done:
        assert problem is None or isinstance(problem, CloudError)
    return sum(problem is None for problem in done)


async def test_two_folders_never_come_to_lie_in_each_other() -> None:
    manager = await Manager.racing()
    for ahead in range(-STEPS, STEPS):
        one, other = [await manager.new_folder(f"{name} {ahead + STEPS}") for name in "ab"]
        done = await both(
            manager.ask("folders.move", {"destinationParent": other}, name=one),
            manager.ask("folders.move", {"destinationParent": one}, name=other),
            ahead,
        )
        assert done == 1
    await check_hierarchy(manager.cloud.parts.sealed)


async def test_what_comes_to_lie_in_a_folder_and_its_deletion_exclude_each_other() -> None:
    manager = await Manager.racing()
    moved, deleted = await manager.new_project("project-1"), await manager.new_project("project-2")
    for ahead in range(-STEPS, STEPS):
        for kind in range(4):
            folder = await manager.new_folder(f"{kind} {ahead + STEPS}")
            to = {"destinationParent": folder}
            if kind == 3:
                await manager.ask("projects.move", to, name=deleted)
                await manager.ask("projects.delete", name=deleted)
            comes = (
                lambda: manager.new_folder("child", folder),  # noqa: B023 - called at once
                lambda: manager.new_project(f"p{ahead + STEPS:04}x", folder),  # noqa: B023
                lambda: manager.ask("projects.move", to, name=moved),  # noqa: B023
                lambda: manager.ask("projects.undelete", name=deleted),
            )[kind]
            done = await both(comes(), manager.ask("folders.delete", name=folder), ahead)
            assert done == 1
            if (await manager.ask("folders.get", name=folder))["state"] != "ACTIVE":
                await manager.ask("folders.undelete", name=folder)
            if kind == 3 and (await manager.ask("projects.get", name=deleted))["state"] != "ACTIVE":
                await manager.ask("projects.undelete", name=deleted)
    await check_hierarchy(manager.cloud.parts.sealed)


async def test_a_lien_and_a_deletion_exclude_each_other() -> None:
    manager = await Manager.racing()
    lien = {"restrictions": ["resourcemanager.projects.delete"], "reason": "r", "origin": "o"}
    for ahead in range(-STEPS, STEPS):
        name = await manager.new_project(f"project-{ahead + STEPS}")
        done = await both(
            manager.ask("liens.create", lien | {"parent": name}),
            manager.ask("projects.delete", name=name),
            ahead,
        )
        assert done == 1


async def test_what_moves_does_not_grow_too_deep_meanwhile() -> None:
    manager = await Manager.racing()
    deep = [await manager.new_folder("deep 1")]
    for depth in range(2, 9):
        deep.append(await manager.new_folder(f"deep {depth}", deep[-1]))
    for ahead in range(-STEPS, STEPS):
        top = await manager.new_folder(f"top {ahead + STEPS}")
        low = await manager.new_folder("low", top)
        body = {"destinationParent": deep[-1]}
        move = manager.ask("folders.move", body, name=top)
        assert await both(manager.new_folder("lower", low), move, ahead) == 1
        if (await manager.ask("folders.get", name=top))["parent"] == deep[-1]:
            body = {"destinationParent": manager.organization}
            await manager.ask("folders.move", body, name=top)


async def check_hierarchy(sealed: SealedEngine) -> None:
    """Hold documents to each other and to their index."""
    folders = {one.id: one.value for one in await sealed.scan(FOLDERS, FOLDERS.under(), limit=999)}
    projects = [one.value for one in await sealed.scan(PROJECTS, PROJECTS.under(), limit=999)]
    for folder in folders.values():
        _check_way_up(folder, folders)
        taken = await sealed.find(NAMES, NAMES.key("folders", folder.parent, folder.name))
        if folder.state is State.ACTIVE:
            assert taken is not None
            assert taken.value.id == folder.id
    for project in projects:
        _check_way_up(project, folders)
    await _check_index(sealed, [*folders.values(), *projects])


def _check_way_up(lowest: Folder | Project, folders: dict[str, Folder]) -> None:
    """Check that what is in use lies in what is in use, not too deep, and not in itself."""
    one, steps = lowest, 0
    while one.parent.startswith("folders/"):
        parent = folders[one.parent.removeprefix("folders/")]
        assert one.state is not State.ACTIVE or parent.state is State.ACTIVE
        one, steps = parent, steps + 1
        assert steps <= FOLDERS_DEEP_MAX
    assert one.parent.startswith("organizations/")


async def _check_index(sealed: SealedEngine, placed: list[Folder | Project]) -> None:
    counts, places = dict[str, list[int]](), set[Key]()
    for one in placed:
        count = counts.setdefault(one.parent, [0, 0])
        count[isinstance(one, Project)] += one.state is State.ACTIVE
        parts = ("projects", one.id) if isinstance(one, Project) else ("folders", one.name, one.id)
        places.add(KIN.key(one.parent, *parts))
    every = await sealed.scan(KIN, KIN.under(), limit=999)
    own = {KIN.key(parent): Kin(*count) for parent, count in counts.items()}
    for found in every:
        if found.key in places:
            places.remove(found.key)
        else:
            assert own.get(found.key, Kin()) == found.value
    assert not places
